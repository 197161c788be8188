# Solutions of lesson 03, one block for each exercise.

# %% head_size
parameters_by_hand = 1280 * 37 + 37
parameters_counted = sum(p.numel() for p in nn.Linear(1280, 37).parameters())

# %% resnet_head
my_resnet = resnet18()
my_resnet.fc = nn.Linear(my_resnet.fc.in_features, 5)
shape_of_scores = my_resnet(torch.randn(2, 3, 64, 64)).shape

# %% seven_by_seven
size_for_7x7 = 7 * 2**5

# %% softmax_twice
certain = torch.eye(10)[:1]  # all probability on class 0
smallest_loss = F.cross_entropy(certain, torch.tensor([0])).item()

def mended_loss(head, x, y):
    return F.cross_entropy(head(x), y)
