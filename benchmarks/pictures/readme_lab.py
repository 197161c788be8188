"""Take the README's first picture: the live lab in JupyterLab, in the middle of a training.

    python -m benchmarks.pictures.readme_lab

starts JupyterLab and Chromium as the browser tests do, trains a run to compare with, begins a
second, thaws the last five blocks while it trains, and writes lessons/images/lab.png. What the
curves show is whatever came out.
"""

import argparse
import io
import shutil
import tempfile
from pathlib import Path

from course_utils.environment import PROJECT
from tests.browser.conftest import CHROMIUM_FLAGS, Lab, running_lab, watch
from tests.browser.jupyterlab import choose, open_notebook, wait_until_run, write_notebook
from tests.browser.panel import SETUP, Panel
from tests.conftest import find_chromium

from PIL import Image
from playwright.sync_api import BrowserContext, sync_playwright

WIDTH, HEIGHT = 1200, 1000
COLOURS = 200  # half of the bytes, and hardly a visible difference
CELL = """\
from course_utils.lab import Lab
lab = Lab("shapes", train=400, test=400, seed=0)
lab.run({steps})  # a first run with the backbone frozen, to compare with
lab.reset()
lab"""


def pose(browser: BrowserContext, lab: Lab, thaw_at: int, stop_at: int) -> bytes:
    """Train, thaw the last five blocks at one step, and take the picture at another, as PNG."""
    page = browser.new_page()
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    panel = Panel(page, watch(page))
    open_notebook(page, lab, write_notebook(lab, "live.ipynb", SETUP, CELL.format(steps=stop_at)))
    if page.locator("#jp-left-stack").is_visible():
        page.keyboard.press("Control+b")  # more room for the notebook
    choose(page, "Run", "Run All Cells")
    wait_until_run(page)
    panel.root.wait_for()
    panel.start()
    panel.until(f"Number(panel.dataset.step) >= {thaw_at}", seconds=120)
    panel.press("last five")
    panel.settled()
    panel.until(f"Number(panel.dataset.step) >= {stop_at}", seconds=120)
    panel.root.evaluate("root => root.scrollIntoView({block: 'start'})")
    page.mouse.move(0, 0)
    page.wait_for_timeout(300)
    assert not panel.watched.console_errors, panel.watched.console_errors
    return page.screenshot()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--thaw-at", type=int, default=60, help="the step at which blocks thaw")
    parser.add_argument("--stop-at", type=int, default=150, help="the step to photograph")
    parser.add_argument("--out", type=Path, default=PROJECT / "lessons" / "images" / "lab.png")
    args = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("no Chromium found: install one, or name it with COURSE_CHROMIUM")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root, settings = Path(folder) / "course", Path(folder) / "settings"
        settings.mkdir()
        shutil.copytree(PROJECT / "lessons", root / "lessons")
        for name in ("course_utils", "data"):
            (root / name).symlink_to(PROJECT / name)
        with running_lab(root, settings) as lab:
            browser = playwright.chromium.launch_persistent_context(
                Path(folder) / "profile",
                executable_path=chromium,
                args=CHROMIUM_FLAGS,
                headless=True,
                color_scheme="light",
            )
            png = pose(browser, lab, args.thaw_at, args.stop_at)
            browser.close()
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(args.out, optimize=True)
    print(f"wrote {args.out}, {args.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
