# Solutions of lesson 10, one block for each exercise.

# %% two_heads
with torch.device("meta"):
    my_efficientnet, my_swin = zoo.efficientnet_b0(), zoo.swin_t()
    my_efficientnet.classifier[1] = nn.Linear(my_efficientnet.classifier[1].in_features, 7)
    my_swin.head = nn.Linear(my_swin.head.in_features, 7)

# %% by_hand
def my_prepare(images):
    x = images.float() / 255
    x = F.interpolate(x, size=(own.size, own.size), mode="bilinear", antialias=True)
    return (x - torch.tensor(own.mean).view(3, 1, 1)) / torch.tensor(own.std).view(3, 1, 1)

# %% freeze_option
my_modules = [2, 20, 21, 22, 23]

def my_freeze(network, numbers):
    chosen = range(numbers[0]) if len(numbers) == 1 else numbers
    freeze_by_name(network, [f"model.{number}." for number in chosen])

# %% as_fastai
def my_frozen(model):
    model.train()
    model.requires_grad_(False)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.requires_grad_(True)
    model.fc.requires_grad_(True)

my_networks = ["VGG-16", "ViT-B/16"]
