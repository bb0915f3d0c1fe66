"""A page on another port, in a real browser, against `fusion ui`: it starts nothing, and reads nothing."""

import functools
import http.server
import json
import threading
import time
from urllib.parse import quote

import pytest
import requests

from fusion_assets_tests.chromium import chromium
from fusion_assets_tests.web import LAUNCH, PATIENCE_SECONDS
from fusion_assets_tests.web_ui import running

pytestmark = pytest.mark.slow

RUNS = "{ runsOrError { ... on Runs { results { runId status } } } }"
LOADED = "{ locationStatusesOrError { ... on WorkspaceLocationStatusEntries { entries { updateTimestamp versionKey }}}}"
RELOAD = "mutation { reloadWorkspace { __typename } }"
# Every way in which a page may send something; each says what the page has read.
ATTACKS = """
const [url, launch, reload, done] = [arguments[0], arguments[1], arguments[2], arguments[arguments.length - 1]];
const socket = url.replace("http", "ws");
const read = {};
const attempt = async (name, work) => {
  try { read[name] = String(await Promise.race([work(), new Promise(r => setTimeout(() => r(""), 4000))])); }
  catch (error) { read[name] = ""; }
};
const element = (tag, fields) => new Promise(resolve => {
  const made = Object.assign(document.createElement(tag), fields);
  made.onload = () => resolve(made.width || made.sheet?.cssRules?.length || "");
  made.onerror = () => resolve("");
  document.body.append(made);
});
const form = (enctype, action, name, value) => new Promise(resolve => {
  const frame = Object.assign(document.createElement("iframe"), {name: "f" + Math.random()});
  const made = Object.assign(document.createElement("form"), {method: "post", enctype, action, target: frame.name});
  made.append(Object.assign(document.createElement("input"), {name, value}));
  document.body.append(frame, made);
  frame.onload = () => { let text = ""; try { text = frame.contentDocument.body.innerText } catch {} resolve(text); };
  made.submit();
});
(async () => {
  for (const body of [launch, reload]) {
    const get = url + "?query=" + encodeURIComponent(JSON.parse(body).query)
      + "&variables=" + encodeURIComponent(JSON.stringify(JSON.parse(body).variables || {}));
    for (const mode of ["no-cors", "cors"]) {
      for (const kind of ["text/plain", "application/json", "text/plain; application/json"])
        await attempt(`fetch ${mode} ${kind}`, async () => (await fetch(url, {method: "POST", mode, body,
          credentials: "include", headers: {"content-type": kind}})).text());
      await attempt(`fetch ${mode} by GET`, async () => (await fetch(get, {mode})).text());
      await attempt(`fetch ${mode} POST address`, async () => (await fetch(get, {method: "POST", mode})).text());
    }
    await attempt("beacon", () => { navigator.sendBeacon(url, body); return ""; });
    await attempt("image", () => element("img", {src: get}));
    await attempt("script", () => element("script", {src: get}));
    await attempt("style", () => element("link", {rel: "stylesheet", href: get}));
    await attempt("form text", () => form("text/plain", url, body.slice(0, -1) + ', "x": "', '"}'));
    await attempt("form address", () => form("application/x-www-form-urlencoded", get, "a", "b"));
    await attempt("window", async () => {
      const opened = window.open(get); await new Promise(r => setTimeout(r, 1000));
      let text = ""; try { text = opened.document.body.innerText } catch {} opened?.close(); return text;
    });
    await attempt("socket", () => new Promise(resolve => {
      const made = new WebSocket(socket, "graphql-ws");
      made.onerror = () => resolve("");
      made.onopen = () => resolve("open");
    }));
  }
  await attempt("frame", () => new Promise(resolve => {
    const frame = Object.assign(document.createElement("iframe"), {src: url.replace("/graphql", "/runs")});
    frame.onload = () => { let text = ""; try { text = frame.contentDocument.body.innerText } catch {} resolve(text); };
    document.body.append(frame);
  }));
  done(read);
})();
"""
# Clicks the buttons with a text, when they are there and can be clicked; returns how many.
CLICK = """
const found = [...document.querySelectorAll("button")].filter(e => e.innerText.startsWith(arguments[0]) && !e.disabled);
found.forEach(e => e.click());
return found.length;
"""


@pytest.fixture(scope="module")
def server(catalog, tmp_path_factory):
    with running(catalog, tmp_path_factory.mktemp("ui")) as server:
        yield server


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """The port of another web server on this machine, with an empty page."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "index.html").write_text("<!doctype html><title>elsewhere</title><body>")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        yield other.server_port
        other.shutdown()


@pytest.fixture
def browser(tmp_path):
    driver = chromium(tmp_path)
    driver.set_script_timeout(600)
    yield driver
    driver.quit()


def launching(server):
    parameters = server.parameters(["sentinel2_export"], "demo", 2015)
    return json.dumps({"query": LAUNCH, "variables": {"params": parameters}})


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_page_elsewhere_starts_nothing_and_reads_nothing(server, elsewhere, browser, name):
    before = server.ask(LOADED), server.ask(RUNS)
    browser.get(f"http://{name}:{elsewhere}/")
    reload = json.dumps({"query": RELOAD})
    for target in ("127.0.0.1", "localhost"):
        url = f"http://{target}:{server.port}/graphql"
        read = browser.execute_async_script(ATTACKS, url, launching(server), reload)
        assert len(read) > 15 and set(read.values()) == {""}, read
    assert (server.ask(LOADED), server.ask(RUNS)) == before


def test_a_page_elsewhere_may_link_to_the_ui_and_to_nothing_that_does_something(server, elsewhere, browser):
    before = server.ask(LOADED)
    for path, told in (("/runs", "Dagster"), (f"/graphql?query={quote(RELOAD)}", "may not ask")):
        browser.get(f"http://127.0.0.1:{elsewhere}/")
        browser.execute_script("location.href = arguments[0]", f"http://127.0.0.1:{server.port}{path}")
        end = time.monotonic() + 60
        while told not in browser.title + browser.page_source:
            assert time.monotonic() < end, browser.page_source
            time.sleep(0.2)
    assert server.ask(LOADED) == before


def test_the_page_of_the_ui_itself_shows_assets_and_launches_runs(server, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    wait = WebDriverWait(browser, 120)
    browser.get(f"http://localhost:{server.port}/assets/sentinel2_export")
    wait.until(lambda driver: "Ticket for one season" in driver.find_element(By.TAG_NAME, "body").text)
    for button in ("Materialize", "All", "Launch"):
        wait.until(lambda driver, button=button: driver.execute_script(CLICK, button))
    end = time.monotonic() + PATIENCE_SECONDS
    while not (made := [r["runId"] for r in server.ask(RUNS)["runsOrError"]["results"] if r["status"] == "SUCCESS"]):
        assert time.monotonic() < end
        time.sleep(0.5)
    browser.get(f"http://localhost:{server.port}/runs/{made[0]}")
    # What the page learns of it comes by its websocket.
    wait.until(lambda driver: "Success" in driver.find_element(By.TAG_NAME, "body").text)
    sockets = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    handshakes = [each["params"]["response"]["status"] for each in sockets
                  if each["method"] == "Network.webSocketHandshakeResponseReceived"]  # fmt: skip
    assert handshakes and set(handshakes) == {101}
    refused = [entry["message"] for entry in browser.get_log("browser") if "Content Security" in entry["message"]]
    assert refused == []


def test_a_name_that_leads_to_this_machine_is_no_name_of_it(server):
    for path in ("/", "/graphql", "/runs", "/server_info"):
        answer = requests.get(f"http://127.0.0.1:{server.port}{path}", headers={"Host": "rebound.example"}, timeout=60)
        assert answer.status_code == 421 and "Dagster" not in answer.text
