# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 9 · The live lab
#
# So far you froze first and trained afterwards. Here you do both at once: a network trains in front
# of you, and you freeze and thaw its blocks while it does. Whatever you click takes effect with the
# next step, and the curve answers.
#
# **You will**
#
# - read the panel: what learns, what stands still, and what only seems to stand still;
# - predict what a click will do, do it, and look;
# - take away the PyTorch code of what you have clicked together;
# - use all of it in four challenges, with a score.
#
# **Before this:** [04 · Freezing](04_freezing.ipynb) and [05 · Fine-tuning](05_fine_tuning.ipynb).

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"}
# @title Set up the course
import os, subprocess, sys
if "google.colab" in sys.modules: print(end=subprocess.getoutput("test -d ~/transfer-learning || git clone -q --depth=1 'no address set, run `python -m authoring publish OWNER/NAME`' ~/transfer-learning"))
sys.path[:0] = [os.path.abspath(".."), os.path.expanduser("~/transfer-learning")]
import course_utils  # not found? git says why: is the address spelt right, is it public, does the network answer?

# %% slideshow={"slide_type": "skip"}
import pandas as pd

from course_utils.lesson09 import check
from course_utils.lab import Lab
from course_utils.lesson09 import challenges, riddle
from course_utils.lesson09.scoreboard import Scoreboard

course = course_utils.begin(lesson=9, train=400, test=200)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9.1 The panel
#
# The next cell builds the lab and takes the first 30 steps, so that there is something to see. The
# backbone is frozen, and a new head learns.

# %%
lab = Lab(train=400, test=200, seed=0)
lab.run(30)
lab

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Left**, the blocks of the network, from the input down to the head. Click one to freeze or thaw
# it. With the keyboard: *Tab* into the list, the arrow keys go from block to block, and the space bar
# freezes and thaws. Two bars tell how far a block has moved since the start of the run: its
# *weights*, and the *statistics* of its batch norm. A **0** means zero to the last bit.
#
# **Right**, the curves. The blue line is the accuracy on **held-out images**: images that the network
# does not train on. We do not take the test images for that. Whoever watches a number and
# acts on it has used it up as a test. A dotted line marks each thing you did.
#
# **Below**, the controls, and what a step costs. The dials on the left work at once, those on the
# right with the next run. Under them, some held-out images, each with a tick or a cross.
#
# Now press **Start**, wait a few seconds, freeze and thaw a few blocks, and press **Pause**. Other
# cells keep working while it trains. You cannot break anything: **Reset** begins a new run, and the
# old curve stays as a faint line.
#
# The panel is tested in JupyterLab and in Notebook 7. On Colab it trains only while its page is open.
# It is made for VS Code too, where we have not been able to test it. On a page without Python behind
# it, such as on GitHub, you see a still picture. Wherever the panel should stay blank, go on with the
# lines of Python below: they need no panel.
#
# Everything on the panel is also a line of Python. Below we use Python, so that the experiments are
# the same for everybody; try them with the mouse as well. Each begins with a reset, so it does not
# matter what you have done before.

# %% slideshow={"slide_type": "subslide"}
def blocks(lab):
    """The blocks of the panel as a table."""
    table = pd.DataFrame(lab.session.snapshot()["blocks"])
    return table[["name", "frozen", "batch_norm", "weights_moved", "statistics_moved"]]


lab.reset(preset="head only", batch_norm="eval", seed=0)
lab.run(30)
blocks(lab).tail(4)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9.2 Frozen means zero
#
# **Predict.** The head has learned for 30 steps on top of the backbone. How far have the weights of
# the frozen blocks moved? (a) not at all; (b) by rounding errors, less than a millionth; (c) a
# little, because the loss depends on them.

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # write "a", "b" or "c" here

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
table = blocks(lab)
frozen = table[table.frozen]
print("blocks frozen:", len(frozen), "of", len(table))
print("weights exactly where they were:", bool((frozen.weights_moved == 0).all()))
print("statistics exactly where they were:", bool((frozen.statistics_moved == 0).all()))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Exactly zero: nobody writes into these tensors. The panel knows that too. Look at *cache*: a frozen
# block gives the same answer to the same image every time, so the lab runs it once for each image and
# remembers. That is why a step is so fast as long as the backbone is frozen.
#
# ## 9.3 Thaw in mid-run
#
# **Predict.** We thaw the last five blocks in mid-run. What happens to the time of a step: about the
# same, 2 times, or 10 times as long or more?

# %% slideshow={"slide_type": "subslide"}
my_guess = ...  # write a number here

lab.preset("last five")
lab.run(20)
history = lab.history().dropna(subset="seconds")
before, after = (
    history[rows].seconds.median() for rows in (history.step <= 30, history.step > 30)
)
print(f"A step took {1000 * before:.1f} ms before and {1000 * after:.1f} ms after.")
lab.history().query("action != ''")[["step", "trainable", "action"]]

# %% [markdown] slideshow={"slide_type": "subslide"}
# Two things make it slower. The thawed blocks must be run forward *and* backward in each step, and
# the memory of their outputs is worthless, because their outputs change now. The frozen blocks
# before them are still remembered.
#
# In the panel above, the marks stand where the click was. Look at the bars: which of the thawed
# blocks has moved farthest?

# %%
moved = blocks(lab).query("weights_moved > 0")
farthest = moved.loc[moved.weights_moved.idxmax()]
print(
    f"{len(moved)} blocks have moved; farthest {farthest['name']}, "
    f"by {farthest.weights_moved:.0%} of its size at the start."
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9.4 What only seems to stand still
#
# Now the trap of lesson 04, where you can see it. We freeze the backbone again, but leave its batch
# norm in *train* mode. That is what `model.train()` does when you have set nothing but
# `requires_grad = False`.
#
# **Predict.** Which bars will move in the frozen blocks? (a) none; (b) those of the statistics;
# (c) both.

# %% slideshow={"slide_type": "subslide"}
my_guess = ...  # write "a", "b" or "c" here

lab.reset(preset="head only", batch_norm="train", seed=0)
lab.run(30)

# %% tags=["nbval-check-output"]
frozen = blocks(lab).query("frozen")
print("weights exactly where they were:", bool((frozen.weights_moved == 0).all()))
print("statistics exactly where they were:", bool((frozen.statistics_moved == 0).all()))
print("cache in use:", lab.session.snapshot()["cache"]["active"])

# %% [markdown] slideshow={"slide_type": "fragment"}
# No weight has moved, and yet the frozen network is another one now: its batch norms have seen our
# images and follow them. This is called **drift**. It may help or harm. What it always does is to
# make "frozen" untrue, and to forbid the cache. Compare the two runs: the faint lines in the panel
# are the earlier ones.

# %% slideshow={"slide_type": "subslide"}
snapshot = lab.session.snapshot()
for run in snapshot["earlier"][-1:]:
    at_30 = [accuracy for step, accuracy in run["evaluations"] if step <= 30][-1]
    print(f"Batch norm in eval mode: {at_30:.1%} after 30 steps (run {run['run']}).")
print(f"Batch norm in train mode: {snapshot['evaluations'][-1][1]:.1%} after 30 steps.")

# %% [markdown] slideshow={"slide_type": "fragment"}
# One run of each proves nothing about which is better. Press Reset with other seeds and collect.
#
# ## 9.5 Too fast
#
# **Predict.** All blocks learn, and the backbone's rate is 100 times what it was. After eight steps we
# freeze the backbone again. Does the accuracy come back? (a) yes, at once: frozen means undone;
# (b) no: freezing keeps what is there, good or bad.

# %% slideshow={"slide_type": "subslide"}
my_guess = ...  # write "a" or "b" here

lab.reset(preset="head only", batch_norm="eval", backbone_rate=1e-3, seed=0)
lab.run(30)
lab.preset("all")
lab.set_rates(backbone=0.1)
lab.run(8)
lab.preset("head only")
lab.set_rates(backbone=1e-3)
lab.run(20)
for step, accuracy in lab.session.snapshot()["evaluations"]:
    print(f"step {step:3}: {accuracy:.1%} of the held-out images")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Freezing is no time machine. It keeps a block as it is *now*. What brings a wrecked backbone back
# are the old weights from the file, that is, Reset. (Whether it recovers with a smaller rate and many
# more steps we have not tested. Try it.)
#
# ## 9.6 Take the code with you
#
# A panel is no use in your next project. This is the same as a press on **Show the code**: PyTorch
# that does what the run has done, step by step.

# %% slideshow={"slide_type": "subslide"}
print(lab.code())

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9.7 Four challenges
#
# Now it is your turn. Each challenge gives you a lab of its own, or a riddle, and measures what you
# make of it. They all run in the built-in Shapes world, whatever world the rest of this lesson runs
# in, so that scores mean the same on every computer. Your scoreboard is a small file on this
# computer, and it is sent nowhere.
#
# Run the last cell of a challenge, and its check says what it sees in your lab. Stuck?
# `check.rescue.hint()` gives a hint, each call a plainer one; `check.rescue.solution()` prints a
# solution, in lines of Python that drive the lab.

# %% slideshow={"slide_type": "skip"}
board = Scoreboard()

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 9.1 · Most accuracy for fewest trained parameters
#
# Think before you click: how many parameters has each block, and which blocks have learned the
# things that this task needs? Not every task needs the blocks next to the head.

# %% tags=["slide-no-code"]
print(challenges.fewest_parameters.task)

# %% slideshow={"slide_type": "subslide"}
fewest = Lab(session=challenges.fewest_parameters.start())
fewest

# %% [markdown] slideshow={"slide_type": "fragment"}
# Train in the panel, then run the next cell, as often as you like. A block that has learned once in a
# run counts, even if you froze it later. Reset begins a new attempt.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output", "slide-no-output"]
check.fewest_parameters(fewest, challenges.fewest_parameters, board)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 9.2 · Rescue a wrecked backbone
#
# The panel cannot show you which block is damaged: no bar has moved yet. How could you find out by
# thawing? And what must stay frozen, so that the few images do not ruin what is still good?

# %% tags=["slide-no-code"]
print(challenges.rescue.task)

# %% slideshow={"slide_type": "subslide"}
rescue = Lab(session=challenges.rescue.start())
rescue

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output", "slide-no-output"]
check.rescue(rescue, challenges.rescue, board)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 9.3 · Which run had batch norm in train mode?
#
# No panel this time: two trained networks, and you ask them. Lesson 04 has all that you need. Only
# your first answer counts, so prove it: give the names of tensors that show it.

# %%
puzzle = riddle.start(steps=40, train=200, test=50)
print(puzzle.task.replace("riddle.", "puzzle."))

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output", "slide-no-output"]
# Your code here. Compare the state of puzzle.models["A"] and ["B"] with puzzle.original.
answer = ...  # "A" or "B"
proof = ...  # a list of names, as state_dict() has them
check.which_drifted(answer, proof, puzzle, board)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 9.4 · Beat the default in 20 seconds
#
# The next cell first runs the default, which takes some seconds. A hint: each second buys many steps
# or few, depending on what is frozen. When is the slow kind of step worth its price?

# %% tags=["slide-no-code"]
print(challenges.beat_the_default.task)

# %% slideshow={"slide_type": "subslide"}
race = Lab(session=challenges.beat_the_default.start())
race

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output", "slide-no-output"]
check.beat_the_default(race, challenges.beat_the_default, board)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Your scoreboard

# %% tags=["slide-no-code"]
table = board.table()
print("No score yet." if table.empty else table.to_string(index=False))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you saw
#
# - A frozen block stands still to the last bit, and a lab that knows it can remember its outputs.
# - Thawing in mid-run makes each step cost more: more must be run backward, and less can be remembered.
# - With batch norm in train mode a "frozen" network drifts although no weight moves.
# - Freezing keeps a block as it is now. It undoes nothing.

# %% tags=["slide-no-code"]
print(f"Thawing five blocks made a step {after / before:.0f} times as long on this computer.")
print(f"Eight steps at a rate of 0.1 in all blocks left {accuracy:.1%}, frozen again or not.")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What was measured

# %% tags=["slide-no-code"]
titles = snapshot["titles"]
print("images    ", titles["world"])
print("weights   ", titles["weights"])
print("device    ", titles["device"])
print("seed       0, one run of each experiment: they show a mechanism, not which choice is better")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Next
#
# Back to [00 · Start here](00_start_here.ipynb) for the map of the course.
