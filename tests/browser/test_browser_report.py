"""The report in a real browser: addresses, facets, explorers, phone width, paper, no script."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import numpy as np
import pytest

from harness.records import RunSpec, Task
from tests.browser.conftest import Chromium

pytestmark = pytest.mark.browser
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
SHOWN = "[...document.querySelectorAll('.claims tbody tr')].filter((row) => !row.hidden)"
LIMITS = {"bytes": 1_500_000, "elements": 15_000, "pages": 12}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from harness.run import session
    from harness.run.mainjob import main_job

    directory = tmp_path_factory.mktemp("browser") / "run"
    return session.complete(main_job(None), session.Options(out=directory, fsync=False)).report


def test_the_page_is_small_silent_and_asks_for_nothing(browser, report: Path) -> None:
    browser.open(report)
    assert browser.said == []
    assert browser.js("performance.getEntriesByType('resource').length") == 0
    assert report.stat().st_size <= LIMITS["bytes"]
    assert browser.js("document.querySelectorAll('*').length") <= LIMITS["elements"]


@pytest.mark.parametrize("width", [390, 768, 1024, 1440])
def test_nothing_is_wider_than_the_screen_and_no_text_is_tiny(
    browser, report: Path, width: int
) -> None:
    browser.open(report, width=width)
    assert browser.js("document.documentElement.scrollWidth") <= width
    sizes = browser.js(
        "[...document.querySelectorAll('.chart text')].filter((t) => t.getClientRects().length)"
        ".map((t) => parseFloat(getComputedStyle(t).fontSize)"
        " * Math.hypot(t.getCTM().a, t.getCTM().b))"
    )
    assert sizes and min(sizes) >= 11


@pytest.mark.parametrize("name", ["C004", "S7", "A.robotwin.average.Being-H0.7",
                                  "v3.worldmodelbench_robot/Kairos/total"])  # fmt: skip
def test_an_address_opens_what_it_names(browser, report: Path, name: str) -> None:
    browser.open(report, f"#{name}")
    top = browser.js(
        f"document.getElementById({name!r}).getBoundingClientRect().top"
        f" + !document.getElementById({name!r}).checkVisibility() * 1e6"
    )
    assert -5 <= top <= 900


def test_every_count_of_the_answer_opens_as_many_claims(browser, report: Path) -> None:
    browser.open(report)
    for index in range(browser.js("document.querySelectorAll('.card a').length")):
        text = browser.js(f"document.querySelectorAll('.card a')[{index}].textContent")
        browser.js(f"document.querySelectorAll('.card a')[{index}].click()")
        browser.js("new Promise((done) => setTimeout(done, 50))")
        opened = browser.js(f"{SHOWN}.reduce((sum, row) => sum + Number(row.dataset.count), 0)")
        assert str(opened) in text.split(), text


def test_what_is_chosen_stands_in_the_address_and_comes_back(browser, report: Path) -> None:
    browser.open(report, "#claims?word=doubtful&owner=own&q=robotwin")
    rows = browser.js(f"{SHOWN}.map((row) => [row.dataset.word, row.dataset.owner])")
    assert rows and {tuple(row) for row in rows} == {("doubtful", "own")}
    browser.js(
        "const f = document.querySelector('.facets');"
        "f.word.value = 'contradicted'; f.q.value = '';"
        "f.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    assert browser.js("location.hash") == "#claims?word=contradicted&owner=own"
    assert browser.js(f"{SHOWN}.every((row) => row.dataset.word === 'contradicted')")


def test_a_number_that_is_searched_for_leads_to_its_cell(browser, report: Path) -> None:
    browser.open(report, "#claims?q=9.30")
    said = browser.js("document.querySelector('#printed-in').textContent")
    assert said.startswith("9.30 is printed in Table 7, Kairos-4B") and "(holds)" in said
    browser.js("document.querySelector('#printed-in a').click();"
               "new Promise((done) => setTimeout(done, 50))")  # fmt: skip
    parts = browser.js("document.getElementById('v3.worldmodelbench_robot').querySelector('.parts')"
                       ".textContent")  # fmt: skip
    assert "9.295..9.305" in parts and "measured again: untested" in parts
    browser.open(report, "#claims?q=Theorem+S")
    places = browser.js(f"{SHOWN}.map((row) => row.cells[2].textContent)")
    assert places and all("Theorem S" in place for place in places)


def test_a_total_shows_its_parts(browser, report: Path) -> None:
    browser.open(report, "#v3.robotwin2")
    name = "v3.robotwin2/Being-H0.7/success_average"
    browser.js(f"document.getElementById({name!r}).click()")
    parts = browser.js("[...document.querySelectorAll('.part')].map((cell) => cell.textContent)")
    said = browser.js(f"document.getElementById({name!r}).closest('.printed')"
                      ".querySelector('.parts').textContent")  # fmt: skip
    assert parts == ["90.2", "89.6", "89.8"]
    assert "contradicted" in said and "89.9" in said


def test_the_explorer_follows_its_sliders(browser, report: Path) -> None:
    browser.open(report, "#explorer")
    for values, wanted in (((0.5, 0.3, 1), "certifies it"), ((0.95, 0.5, 1), "not certified"),
                           ((0.5, 1.9, 1), "expands")):  # fmt: skip
        browser.js(
            "{ const f = document.querySelector('#explorer form');"
            f"[f.alpha.value, f.beta.value, f.key.value] = {list(values)};"
            "f.dispatchEvent(new Event('input', {bubbles: true})) }"
        )
        assert wanted in browser.js("document.querySelector('.said').textContent")


def test_a_picture_gives_values_and_lets_series_be_chosen(browser, report: Path) -> None:
    browser.open(report)
    browser.js("window.shell = [...document.querySelectorAll('figure')].find((figure) =>"
               " figure.textContent.includes('Error under every bound')).querySelector('.tools');"
               "shell.open = true; new Promise((done) => setTimeout(done, 100))")  # fmt: skip
    browser.js("const box = shell.querySelector('[type=checkbox]'); box.checked = false;"
               "box.dispatchEvent(new Event('change'));"
               "const at = shell.querySelector('[type=range]'); at.value = 10;"
               "at.dispatchEvent(new Event('input', {bubbles: true}))")  # fmt: skip
    assert browser.js("shell.closest('figure').querySelectorAll('.chart .off').length") == 2
    assert browser.js("shell.querySelector('output').textContent").startswith("10: ")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a student that is held against its teacher, four clips a side."""
    av = pytest.importorskip("av")
    from harness.run import session

    folder = tmp_path_factory.mktemp("clips")
    for side in ("student", "teacher"):
        (folder / side).mkdir()
        for name in ("push the cup__0", "push the cup__1", "lift <b>it__0", "lift <b>it__1"):
            with av.open(str(folder / side / f"{name}.webm"), "w") as out:
                stream = out.add_stream("libvpx", rate=16)
                stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
                for at in range(32):
                    picture = np.full((48, 64, 3), 40, np.uint8)
                    picture[10:20, at : at + 10] = 200
                    out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
                out.mux(stream.encode())
    task = Task(suite="distillation", model="student", subset="all",
                videos=str(folder / "student"), reference=str(folder / "teacher"))  # fmt: skip
    spec = RunSpec(name="clips", tasks=(task,))
    return session.complete(spec, session.Options(out=folder / "run", fsync=False)).report


def test_clips_play_in_step_beside_their_frames_and_an_absent_one_is_said(
    browser, clips: Path
) -> None:
    browser.open(clips, "#runs")
    browser.js("window.shell = document.querySelector('[data-samples]');"
               "for (let n = shell; n; n = n.parentElement) if (n.open === false) n.open = true;"
               "window.wait = (ms) => new Promise((done) => setTimeout(done, ms));"
               "wait(100)")  # fmt: skip
    browser.js("shell.querySelector('.sample').open = true; wait(1500)")
    films = "[...shell.querySelectorAll('video[controls]')]"
    assert browser.js(f"{films}.map((one) => one.duration > 1.9)") == [True, True]
    frames = browser.js("[...shell.querySelectorAll('.frames video')].map((one) =>"
                        " [one.readyState > 1, one.currentTime])")  # fmt: skip
    assert len(frames) == 12 and all(drawn for drawn, _ in frames)
    assert [at for _, at in frames[:6]] == sorted({at for _, at in frames[:6]})
    browser.js("shell.querySelector('.media + button').click(); wait(600)")
    times = browser.js(f"{films}.map((one) => one.currentTime)")
    assert min(times) > 0.1 and abs(times[0] - times[1]) < 0.25
    browser.js("shell.querySelector('.media + button').click()")
    assert browser.js(f"{films}.every((one) => one.paused)")
    assert browser.said == []
    (clips.parents[2] / "teacher" / "lift <b>it__1.webm").unlink(missing_ok=True)
    browser.js("shell.querySelectorAll('.sample')[1].open = true; wait(1000)")
    second = "shell.querySelectorAll('.sample')[1]"
    assert browser.js(f"{second}.querySelectorAll('video[controls]').length") == 1
    assert "not at hand" in browser.js(f"{second}.textContent")


def test_samples_are_paged_and_open(browser, report: Path) -> None:
    browser.open(report, "#runs")
    browser.js("window.shell = document.querySelector('[data-samples]');"
               "for (let n = shell; n; n = n.parentElement) if (n.open === false) n.open = true;"
               "new Promise((done) => setTimeout(done, 100))")  # fmt: skip
    assert browser.js("shell.querySelectorAll('.sample').length") >= 5
    browser.js("const tick = shell.querySelector('[type=checkbox]'); tick.checked = true;"
               "tick.dispatchEvent(new Event('change'));"
               "shell.querySelector('.sample').open = true;"
               "new Promise((done) => setTimeout(done, 100))")  # fmt: skip
    assert "strict" in browser.js("shell.querySelector('.sample').textContent")


def test_keys_alone_reach_every_control_and_show_where_they_are(browser, report: Path) -> None:
    browser.open(report)
    count = browser.js(
        "window.stops = [...document.querySelectorAll('a[href], button, input, select, summary,"
        ' [tabindex="0"]\')].filter((one) => one.checkVisibility() && one.tabIndex >= 0);'
        "window.met = new Set(); window.unseen = new Set();"
        "addEventListener('focusin', ({target}) => {"
        "  met.add(target);"
        "  const seen = parseFloat(getComputedStyle(target).outlineWidth) >= 2;"
        "  if (!seen && !target.matches('.skip')) unseen.add(target.outerHTML.slice(0, 80));"
        "}); stops.length"
    )
    assert count > 500
    browser.press(["Tab"] * (count + 100))  # what a cell says has links of its own
    missed = "stops.filter((one) => !met.has(one)).map((one) => one.outerHTML.slice(0, 80))"
    assert browser.js(missed) == []
    assert browser.js("[...unseen]") == []


def test_keys_alone_choose_claims_turn_the_explorer_and_read_a_cell(browser, report: Path) -> None:
    browser.open(report)
    every = browser.js(f"{SHOWN}.length")
    browser.js("document.querySelector('.facets select[name=word]').focus()")
    browser.press(["ArrowDown"])
    assert 0 < browser.js(f"{SHOWN}.length") < every
    assert browser.js("location.hash").startswith("#claims?word=")
    browser.js("document.querySelector('#explorer input').focus()")
    before = browser.js("document.querySelector('.said').textContent")
    browser.press(["ArrowRight", "End"])
    assert browser.js("document.querySelector('.said').textContent") != before
    browser.js("document.querySelector('.claims tr:not([hidden]) summary').focus()")
    browser.press(["Enter"])
    assert browser.js("document.activeElement.parentElement.open")
    table = "document.getElementById('v3.robotwin2')"
    browser.js(f"{table}.querySelector('td[tabindex=\"0\"]').focus()")
    browser.press(["ArrowDown", "ArrowRight", "ArrowRight"])
    at = browser.js("document.activeElement.id")
    assert at == "v3.robotwin2/X-VLA/success_average"
    assert browser.js(f"{table}.querySelector('.parts').textContent")


@pytest.mark.parametrize("browser", [Chromium], indirect=True, ids=["Chromium"])
def test_a_slow_machine_sees_the_page_within_a_second(browser, report: Path) -> None:
    browser.call("Emulation.setCPUThrottlingRate", rate=4)
    painted = []
    for _ in range(3):
        browser.open(report)
        painted += browser.js(
            "performance.getEntriesByName('first-contentful-paint').map((one) => one.startTime)"
        )
    browser.call("Emulation.setCPUThrottlingRate", rate=1)
    assert 0 < min(painted) < 1000


def test_paper_holds_every_finding_on_few_pages(browser, report: Path, tmp_path: Path) -> None:
    browser.open(report)
    data = browser.pdf()
    (tmp_path / "report.pdf").write_bytes(data)
    assert 2 <= pages_of(data) <= LIMITS["pages"]


def pages_of(pdf: bytes) -> int:
    """Count the pages of a PDF, also where its objects are compressed."""
    parts = [zlib.decompressobj() for _ in range(pdf.count(b"endstream"))]
    streams = zip(parts, re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL), strict=True)
    bodies = [part.decompress(body) for part, body in streams if body[:1] == b"x"]
    return len(re.findall(rb"/Type ?/Page\b", b"".join([pdf, *bodies])))


def test_without_scripts_all_claims_and_pictures_are_there(browser, report: Path) -> None:
    browser.open(report, "#C004", scripts=False)
    browser.shot(report.with_name("no-script.png"))
    text = report.read_text()
    assert text.count("<tr id=") > 200 and text.count('class="chart"') > 25
    assert 'class="facets" role="search" hidden' in text


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, False), (1440, True)])
def test_no_rule_of_accessibility_is_broken(browser, report: Path, width: int, dark: bool) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci --prefix tests/browser")
    browser.open(report, width=width, dark=dark)
    browser.js(AXE.read_text() + ";0")
    found = browser.js(
        "axe.run(document, {resultTypes: ['violations']}).then((all) => all.violations.map((one) =>"
        " one.id + ' ' + one.nodes.slice(0, 3).map((node) => node.target.join(' ')).join(', ')))"
    )
    assert found == []
