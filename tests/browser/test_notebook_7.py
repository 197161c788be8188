"""The live lab in Notebook 7, the plainer of Jupyter's two applications."""

import sys
from collections.abc import Iterator

from tests.browser.conftest import ARTEFACTS, Lab, running_server, watch
from tests.browser.jupyterlab import choose
from tests.browser.panel import Panel, scratch

import pytest
from playwright.sync_api import BrowserContext, expect

# Notebook 7.6 logs this about its own settings whenever it opens a notebook, with or without a lab.
ITS_OWN = "Cannot read properties of undefined (reading 'schema')"
LEFT = """import threading
print(lab.running, sum(t.name.startswith('live-lab') for t in threading.enumerate()))"""
COUNTS = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(p => p.textContent)"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]


@pytest.fixture(scope="module")
def notebook(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start Notebook on the folder that JupyterLab serves as well."""
    command = [
        *(sys.executable, "-m", "notebook", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", "--ServerApp.answer_yes=True"),
        f"--ServerApp.root_dir={lab.folder}",
    ]
    with running_server(command, lab.folder, tmp_path_factory.mktemp("notebook")) as started:
        yield started


@pytest.fixture
def panel(browser: BrowserContext, notebook: Lab) -> Iterator[Panel]:
    """Give a notebook with a lab that was run from its menu."""
    page = browser.new_page()
    panel = Panel(page, watch(page))
    name = scratch(notebook, ", preset='last five'", LEFT)
    page.goto(f"{notebook.origin}/notebooks/lessons/{name}?token={notebook.token}")
    page.wait_for_function(f"() => {COUNTS}.length === 3", timeout=60_000)
    expect(page.locator(".jp-KernelName")).to_have_text("Python 3 (ipykernel)", timeout=60_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60_000)
    choose(page, "Run", "Run All Cells")
    page.wait_for_function(f"() => {COUNTS}.every(text => /\\d/.test(text))", timeout=60_000)
    panel.root.wait_for()
    panel.settled()
    yield panel
    page.close()


def test_start_freeze_reload_and_pause(panel: Panel) -> None:
    panel.start()
    panel.until("Number(panel.dataset.step) >= 5")
    panel.block("features.16").click()
    expect(panel.block("features.16")).to_have_attribute("aria-pressed", "true")
    panel.block("features.16").focus()
    for key in ("d", "d", "x", "a", "b", "End", "ArrowUp", "ArrowUp", "Space"):
        panel.page.keyboard.press(key)
    assert panel.page.locator(".jp-CodeCell").count() == 3, "the keys were the panel's"
    for name in ("features.16", "features.17"):
        expect(panel.block(name)).to_have_attribute("data-pending", "false", timeout=10_000)
        expect(panel.block(name)).to_have_attribute("aria-pressed", "true")
    assert panel.root.locator(".tl-mark").count() >= 1

    choose(panel.page, "File", "Save Notebook")
    panel.page.wait_for_timeout(1500)
    run, steps = panel.run, panel.step
    panel.page.reload()
    panel.root.wait_for(timeout=60_000)
    panel.until(f"Number(panel.dataset.step) > {steps}", 60)
    assert panel.run == run
    expect(panel.root).to_have_attribute("data-running", "true")
    expect(panel.block("features.17")).to_have_attribute("aria-pressed", "true")
    assert panel.root.locator(".tl-mark").count() >= 1
    panel.picture("notebook-7")
    panel.page.screenshot(path=ARTEFACTS / "live-lab-page-notebook-7.png")

    panel.pause()
    panel.page.wait_for_timeout(500)  # the step that was being taken still ends
    steps = panel.step
    panel.page.wait_for_timeout(600)
    assert panel.step == steps
    cell = panel.page.locator(".jp-CodeCell").nth(2)
    cell.locator(".cm-content").click()
    panel.page.keyboard.press("Control+Enter")
    expect(cell.locator(".jp-OutputArea-output").last).to_have_text("False 0", timeout=20_000)
    errors = [text for text in panel.watched.console_errors if ITS_OWN not in text]
    assert errors == []
    assert panel.watched.left_this_computer == []
