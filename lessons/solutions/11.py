# Solutions of lesson 11, one block for each exercise.

# %% interval_of_five
my_interval = rules.interval(five_differences)
larger_than_spread = my_interval[1] > 0 or my_interval[2] < 0

# %% paired_by_seed
def my_comparison(rows):
    return rules.interval(rules.paired(rows, "accuracy", "recipe", "B", "A"))

# %% other_rule
my_guess = 3
usual = report.table(report.findings())
rules.SAME = 0.005
strict = report.table(report.findings())
rules.SAME = 0.05
lenient = report.table(report.findings())
rules.SAME = 0.02
changed_when_strict = usual["no."][strict["verdict"] != usual["verdict"]].tolist()
changed_when_lenient = usual["no."][lenient["verdict"] != usual["verdict"]].tolist()

# %% own_verdict
from dataclasses import replace

few = replace(course, train=60)  # claim 20 again, with fewer images and more seeds
my_rows = []
for seed in range(5):
    for name, prepare in (("own", own), ("0.5 / 0.5", half)):
        environment.seed_everything(seed)
        data, model = few.draw(seed), course.pretrained()
        replace_head(model, len(data.class_names))
        for _ in recipes.train_head(model, data, prepare, count=10, seed=seed):
            pass
        result = training.evaluate(model, data.test_images, data.test_labels, prepare)
        my_rows.append({"seed": seed, "arm": name, "accuracy": result.accuracy})
my_claim = 20
my_arms = ("0.5 / 0.5", "own")
