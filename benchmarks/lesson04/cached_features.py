"""Train a new head on cached features, and by the naive loop that runs the whole frozen network.

    python -m benchmarks.lesson04.cached_features

Both ways take the same steps from the same start, and reach the same accuracy.  They are timed in
turn within one run, several times over; the figure to quote is the median of the ratios.  Writes
the record cached_features.
"""

from functools import partial

from benchmarks import script, timing
from course_utils import training
from course_utils.images.preprocessing import as_they_are


def main() -> None:
    args = script.arguments(
        __doc__, data="shapes", seeds=5, train=1000, test=1000, epochs=10
    ).parse_args()
    course, _ = script.choose_world(args, args.train, args.test)
    data, prepare = course.data, course.prepare
    backbone = 19
    model, plan = timing.fresh(course, data, backbone, 0)
    timing.train(model, plan, data.subset(timing.BATCH, 10), prepare, epochs=1, seed=0)  # warm up

    rows = []
    for run in args.seeds:
        model, plan = timing.fresh(course, data, backbone, run)
        naive = timing.train(model, plan, data, prepare, epochs=args.epochs, seed=run)
        naive_accuracy = training.evaluate(
            model, data.test_images, data.test_labels, prepare
        ).accuracy

        model, plan = timing.fresh(course, data, backbone, run)
        fill, (tail, features) = timing.timed(
            partial(training.cache_features, model, plan, data, prepare, batch_size=timing.BATCH)
        )
        cached = timing.train(
            tail,
            plan,
            features,
            as_they_are,
            epochs=args.epochs,
            seed=run,
        )
        accuracy = training.evaluate(
            tail, features.test_images, features.test_labels, as_they_are
        ).accuracy
        rows.append(
            {
                "seed": run,
                "naive_seconds": naive,
                "fill_seconds": fill,
                "cached_seconds": cached,
                "ratio": naive / (fill + cached),
                "ratio_of_epochs": naive / cached,
                "naive_accuracy": naive_accuracy,
                "cached_accuracy": accuracy,
            }
        )
        print(
            f"{args.epochs} epochs: naive {naive:.2f} s, cached {fill:.2f} s once and "
            f"{cached:.2f} s; {naive / (fill + cached):.1f} times faster; "
            f"accuracy {naive_accuracy:.1%} and {accuracy:.1%}",
            flush=True,
        )

    medians = {key: timing.median(rows, key) for key in rows[0] if key != "seed"}
    print(
        f"median of {len(rows)}: {medians['ratio']:.1f} times faster with the filling, "
        f"{medians['ratio_of_epochs']:.0f} times an epoch without it"
    )
    script.write(
        args,
        "cached_features",
        rows,
        course=course,
        what="Training a new head for equally many epochs: naive frozen loop against cached "
        "features; the cache's filling covers the test images too",
        data=str(data),
        size=course.size,
        batch_size=timing.BATCH,
        epochs=args.epochs,
        medians=medians,
    )


if __name__ == "__main__":
    main()
