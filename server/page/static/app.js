// The start page's own script: copy buttons, and GraphiQL with its examples.
"use strict";

for (const button of document.querySelectorAll("button.copy")) {
  const label = button.textContent;
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.closest("li").querySelector("pre").textContent + "\n");
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

const place = document.getElementById("graphiql");
if (place) explore(place, JSON.parse(document.getElementById("examples").textContent));

function explore(place, examples) {
  const root = ReactDOM.createRoot(place);
  const shown = { query: "", variables: "", headers: "" };
  // Kept in memory only: what is typed here has passwords and tokens in it.
  const storage = memoryStorage();

  function draw() {
    root.render(React.createElement(GraphiQL, {
      ...shown, fetcher, storage, disableTabs: true, showPersistHeadersSettings: false, defaultEditorToolsVisibility: "variables",
      onEditQuery: (text) => { shown.query = text; },
      onEditVariables: (text) => { shown.variables = text; },
      onEditHeaders: (text) => { shown.headers = text; },
    }));
  }

  function show(change) {
    // First what was typed by hand: GraphiQL replaces its text only when it
    // differs from what it was given last.
    ReactDOM.flushSync(draw);
    Object.assign(shown, change);
    ReactDOM.flushSync(draw);
  }

  function showExample(example, variables = example.variables) {
    const change = { query: example.query, variables: variables.replace("NEW_KEY", "page-" + Date.now()) };
    // A login begins anew: the token of the one before would go along.
    if (isLogin(example)) change.headers = "";
    show(change);
  }

  async function fetcher(params, options) {
    const headers = { "Content-Type": "application/json", ...options?.headers };
    // The server refuses a request with both a token and a cookie.
    const hasToken = Object.keys(headers).some((name) => name.toLowerCase() === "authorization");
    const response = await fetch("/graphql", {
      method: "POST", headers, credentials: hasToken ? "omit" : "same-origin", body: JSON.stringify(params),
    });
    const text = await response.text();
    let result;
    try {
      result = JSON.parse(text);
    } catch {
      return { errors: [{ message: `HTTP ${response.status}: ${text.trim()}` }] };
    }
    const token = result.data?.login?.token;
    if (token) show({ headers: JSON.stringify({ Authorization: "Bearer " + token }, null, 2) });
    return result;
  }

  fillPicker(document.getElementById("example"), examples, showExample);
  for (const button of document.querySelectorAll("button.login")) {
    const { username, password, organization } = button.dataset;
    button.addEventListener("click", () => {
      const login = examples.find(isLogin);
      document.getElementById("example").value = String(examples.indexOf(login));
      showExample(login, JSON.stringify({ input: { username, password, organization, transport: "COOKIE" } }, null, 2));
      document.getElementById("explore").scrollIntoView();
    });
  }
  if (examples.length > 0) showExample(examples[0]);
  else draw();
}

function isLogin(example) {
  return /\blogin\(/.test(example.query);
}

function fillPicker(picker, examples, onPick) {
  const groups = new Map();
  examples.forEach((example, index) => {
    if (!groups.has(example.client)) {
      const group = document.createElement("optgroup");
      group.label = example.client;
      picker.append(group);
      groups.set(example.client, group);
    }
    groups.get(example.client).append(new Option(example.name, String(index)));
  });
  picker.addEventListener("change", () => onPick(examples[Number(picker.value)]));
}

function memoryStorage() {
  const kept = new Map();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => { kept.set(key, value); },
    removeItem: (key) => { kept.delete(key); },
    clear: () => { kept.clear(); },
    get length() { return kept.size; },
  };
}
