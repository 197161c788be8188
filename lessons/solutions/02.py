# Solutions of lesson 02, one block for each exercise.

# %% mended_forward
def my_forward(layers, x):
    y = layers(x)
    return torch.relu(y + x)

# %% quiet_start
my_guess = 0.02
my_network = twins.twin("residual", 28, classes).to(course.device)
for block in my_network.modules():
    if isinstance(block, twins.Block):
        nn.init.zeros_(block.layers[-1].weight)
my_last_change = twins.nudge(my_network, some_images)[-1]["change"]

# %% which_remedy
# last and rates, the tables of 2.2 and 2.4, hold the numbers
best_remedy = "10 layers"
remedies_that_help = ["equal steps", "shortcuts", "10 layers"]

# %% measured_block
class MyBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs),
        )
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x):
        return torch.relu(self.layers(x) + self.shortcut(x))
