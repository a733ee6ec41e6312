"""The HTML leaderboard in a real browser: it sorts, prints, fits a phone, and runs no script but its own."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from stored_runs import config, predictions, store_failure, store_model, store_run

from benchmark.store.run_store import RunStore
from reports.leaderboards.html import SCRIPT, STYLE, asset, html_page
from reports.leaderboards.ranking import rank
from reports.leaderboards.results import read_results
from reports.text.columns import COLUMNS, view

Browse = Callable[..., str]
HOSTILE = "<script>document.title='broken into'</script><img src=x onerror=\"document.title='broken into'\">"
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
TITLE = re.compile(r"<title>(.*?)</title>")


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """Open a page in headless Chromium and return the document as it stands then; more options may be given."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        missing = "chromium is not installed: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)

    def opened(page: str, *options: str, fragment: str = "") -> str:
        path = tmp_path / "page.html"
        path.write_text(page, encoding="utf-8")
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
        command += [*(options or ["--dump-dom", "--window-size=1200,900"]), f"{path.as_uri()}{fragment}"]
        home = {**os.environ, "HOME": str(tmp_path)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=home)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return opened


def models(document: str) -> list[str]:
    """The model of each row of the leaderboard, in order."""
    table = document.partition("<tbody>")[2].partition("</tbody>")[0]
    names = re.findall(r'<th scope="row"[^>]*>(.*?)</th>', table)
    return [unescape(name).replace("<wbr>", "") for name in names]


def with_script(page: str, script: str) -> str:
    """A copy that runs one script more, which its policy would not let it."""
    return POLICY.sub("", page).replace("</body>", f"<script>{script}</script></body>")


def test_the_page_loads_nothing_and_names_what_it_runs(store: RunStore) -> None:
    page = html_page(read_results(store.root), "runs")
    assert "http" not in page.replace("http-equiv", "")
    assert not re.search(r"(src|href|url)\s*[=(]", page)
    assert "@import" not in asset(STYLE)
    assert page.count("<script>") == page.count("<style>") == 1
    (policy,) = POLICY.findall(page)
    assert "default-src 'none'" in policy
    assert policy.count("sha256-") == 2
    assert "'unsafe" not in policy


def test_the_page_is_well_formed(store: RunStore) -> None:
    page = html_page(read_results(store.root), "runs", view(published=True))
    stack: list[str] = []

    class Checked(HTMLParser):
        def handle_starttag(self, tag: str, _: object) -> None:
            if tag not in ("meta", "wbr"):
                stack.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert stack.pop() == tag

    Checked().feed(page)
    assert stack == []
    # The figures are of another dataset than the store's.
    assert len(models(page)) == 5
    assert len(models(page.partition("Published figures of other data")[2])) == 29


def test_every_row_and_column_is_on_the_page(store: RunStore) -> None:
    results = read_results(store.root)
    page = html_page(results, "runs", view(columns="all"))
    assert models(page) == rank(results)["model"].tolist()
    for name, column in COLUMNS.items():
        assert f'data-column="{name}"' in page
        assert f"<dt>{column.heading}</dt>" in page
    assert "failed after 3.0 s: MemoryError: no more" in page
    assert '<td class="number test_accuracy" data-value="0.65">65.00 ± 2.50 <span class="interval">[49.5' in page


@pytest.mark.parametrize(("asked", "descending"), [("drop", False), ("log_loss", True)])
def test_a_link_sorts(store: RunStore, browse: Browse, asked: str, descending: bool) -> None:
    store_model(store, "blind", 40, None)
    results = read_results(store.root)
    page = html_page(results, "runs")
    assert models(page) == ["vgg", "cnn7", "cnn4", "mlp", "blind", "resnet"]
    found = browse(page, fragment=f"#sort={asked}{',descending' if descending else ''}")
    board = rank(results)
    expected = board.sort_values(asked, ascending=not descending, kind="stable")["model"].tolist()
    assert models(found) == expected
    assert models(found) != models(page)
    # Whatever the direction, what has no value comes last.
    assert models(found)[-1] == "resnet"
    assert f'aria-sort="{"descending" if descending else "ascending"}" data-column="{asked}"' in found


def test_clicks_sort_both_ways(store: RunStore, browse: Browse) -> None:
    page = html_page(read_results(store.root), "runs")
    orders = """
      const orders = [];
      const click = (name) => {
        document.querySelector(`th[data-column=${name}] button`).click();
        orders.push([...document.querySelectorAll("#leaderboard tbody th")].map((cell) => cell.textContent));
      };
      ["test_accuracy", "test_accuracy", "log_loss", "model", "rank"].forEach(click);
      document.title = JSON.stringify(orders);
    """
    title = TITLE.findall(browse(with_script(page, orders)))[0]
    best = ["vgg", "cnn7", "cnn4", "mlp", "resnet"]
    # The first click on an accuracy brings the highest up, the first on a loss the lowest.
    ways = json.loads(unescape(title))
    assert ways[0] == best
    assert ways[1] == ["mlp", "cnn4", "vgg", "cnn7", "resnet"]
    losses = rank(read_results(store.root)).sort_values("log_loss", kind="stable")["model"].tolist()
    assert ways[2] == losses
    assert ways[3] == sorted(best)
    assert ways[4] == best


def hostile_store(root: Path) -> RunStore:
    """Names as nobody should give them, some of which only an edited file can hold."""
    store = RunStore(root)
    store_run(
        store,
        config("plain", weights=HOSTILE),
        [predictions("test", 20, class_names=(HOSTILE, "a|b\nc", "x" * 300))],
        provenance={"device": f'"{HOSTILE}'},
    )
    edited = store_model(store, "edited", 20, 20).path.parent / "config.json"
    name = json.dumps(f"../{HOSTILE}" + "y" * 300)
    edited.write_text(edited.read_text().replace('"edited"', name))
    store_failure(store, "bad", f"Error: {HOSTILE} \x1b[31m\u202e")
    return store


def test_hostile_names_do_nothing(tmp_path: Path, browse: Browse) -> None:
    store = hostile_store(tmp_path / "runs")
    page = html_page(read_results(store.root), "runs", view(columns="all", published=True))
    assert "<img" not in page
    assert not re.search("[\x1b\u202e]", page)
    for copy in (page, POLICY.sub("", page)):
        found = browse(copy)
        assert TITLE.findall(found) == ["Leaderboard of faces-0a1b2c3d"]
        assert found.count("<script>") == 1
        # They are there as text: in a cell, and in the note on the run whose edited name is not that of its folder.
        assert escape(HOSTILE, quote=False) in found
        assert "edited-" in found
        assert "plain" in models(found)


def test_the_policy_stops_what_escaping_would_miss(store: RunStore, browse: Browse) -> None:
    page = html_page(read_results(store.root), "runs").replace("</main>", f"{HOSTILE}</main>")
    assert TITLE.findall(browse(page)) == ["Leaderboard of faces-0a1b2c3d"]
    # Without the policy it does run, or this test would show nothing.
    assert TITLE.findall(browse(POLICY.sub("", page))) == ["broken into"]


def test_it_fits_a_phone(tmp_path: Path, browse: Browse) -> None:
    store = hostile_store(tmp_path / "runs")
    page = html_page(read_results(store.root), "runs", view(published=True))
    # Headless windows are no narrower than 500 px; a frame is.
    widths = "`${document.documentElement.scrollWidth} of ${document.documentElement.clientWidth}, ${innerWidth}`"
    inner = json.dumps(with_script(page, f"parent.document.title = {widths};")).replace("</", "<\\/")
    frame = "<title></title><iframe width=400 height=700 style='border:0'></iframe>"
    outer = f"{frame}<script>document.querySelector('iframe').srcdoc = {inner};</script>"
    title = TITLE.findall(browse(outer, "--dump-dom", "--virtual-time-budget=2000"))[0]
    found, shown, window = re.findall(r"\d+", title)
    assert found == shown
    assert window == "400"


def test_it_prints(store: RunStore, tmp_path: Path, browse: Browse) -> None:
    page = html_page(read_results(store.root), "runs")
    browse(page, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'page.pdf'}")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_the_script_is_one_that_cannot_end_early() -> None:
    assert "</" not in asset(SCRIPT)
    assert "</" not in asset(STYLE)
