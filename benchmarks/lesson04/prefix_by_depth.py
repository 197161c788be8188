"""Seconds per epoch with and without a cached prefix, by the number of frozen blocks.

    python -m benchmarks.lesson04.prefix_by_depth

For each depth one epoch of the naive loop (frozen blocks run every time), the filling of the cache,
and one epoch on the cache, in turn within one run, several times over.  Writes
the record prefix_by_depth.
"""

from functools import partial

from benchmarks import script, timing
from course_utils import training
from course_utils.environment import MEGABYTE
from course_utils.images.preprocessing import as_they_are

LIMIT = 4000 * MEGABYTE  # shallow cuts store much: this is a measurement, not a lesson
METHODS = {"whole network": "naive_seconds", "cached prefix": "cached_seconds"}


def main() -> None:
    parser = script.arguments(__doc__, data="shapes", train=2000)
    parser.add_argument("--depths", type=int, nargs="+", default=[4, 7, 11, 14, 18, 19])
    args = parser.parse_args()
    course, _ = script.choose_world(
        args, args.train, 10
    )  # a cache is filled for the test images, too
    data, prepare = course.data, course.prepare
    model, plan = timing.fresh(course, data, 4, 0)
    timing.train(model, plan, data.subset(timing.BATCH, 10), prepare, epochs=1, seed=0)  # warm up

    measured = []
    for run in args.seeds:
        for depth in args.depths:
            model, plan = timing.fresh(course, data, depth, run)
            naive = timing.train(model, plan, data, prepare, epochs=1, seed=run)
            model, plan = timing.fresh(course, data, depth, run)
            fill, (tail, features) = timing.timed(
                partial(
                    training.cache_features,
                    model,
                    plan,
                    data,
                    prepare,
                    batch_size=timing.BATCH,
                    limit=LIMIT,
                )
            )
            cached = timing.train(tail, plan, features, as_they_are, epochs=1, seed=run)
            measured.append(
                {
                    "seed": run,
                    "frozen_blocks": depth,
                    "naive_seconds": naive,
                    "fill_seconds": fill,
                    "cached_seconds": cached,
                    "ratio": naive / cached,
                    "stored_mb": features.train_images.nbytes / 1e6,
                }
            )
            print(
                f"run {run}, {depth:>2} frozen: naive {naive:6.2f} s, cached {cached:6.2f} s "
                f"({naive / cached:5.1f} times), filled once in {fill:5.2f} s, "
                f"{measured[-1]['stored_mb']:.0f} MB",
                flush=True,
            )

    columns = ("naive_seconds", "fill_seconds", "cached_seconds", "ratio", "stored_mb")
    medians = [
        {
            "frozen_blocks": depth,
            **{
                column: timing.median([r for r in measured if r["frozen_blocks"] == depth], column)
                for column in columns
            },
        }
        for depth in args.depths
    ]
    for row in medians:
        print(
            f"median, {row['frozen_blocks']:>2} frozen: {row['naive_seconds']:.2f} s and "
            f"{row['cached_seconds']:.2f} s an epoch, {row['ratio']:.1f} times"
        )
    rows = [  # tidy: one row a measurement, as lesson 04 plots it
        {
            "seed": row["seed"],
            "frozen_blocks": row["frozen_blocks"],
            "method": method,
            "seconds": row[column],
        }
        for row in measured
        for method, column in METHODS.items()
    ]
    script.write(
        args,
        "prefix_by_depth",
        rows,
        course=course,
        what="Seconds per epoch by the number of frozen blocks: naive loop against cached prefix, "
        "and the one-off cost of filling the cache",
        data=str(data),
        size=course.size,
        batch_size=timing.BATCH,
        medians=medians,
    )


if __name__ == "__main__":
    main()
