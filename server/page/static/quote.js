// The page behind the link of a quote: show it by the token of the address, and send what
// whoever has the link decides.
"use strict";

const main = document.querySelector("main");
const outcome = main.querySelector(".outcome");
const token = new URLSearchParams(location.search).get("token") ?? "";
const language = document.documentElement.lang;
// One key for all that is sent from here: whoever sends twice accepts once.
const idempotencyKey = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

async function ask(query, variables) {
  const response = await fetch("/graphql", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await response.json();
  return { data, wrong: [...(errors ?? []), ...(data?.done?.errors ?? [])].map((e) => e.message).join(" ") };
}

const money = ({ amount, currency }) =>
  new Intl.NumberFormat(language, { style: "currency", currency, maximumFractionDigits: 4 }).format(amount);
const date = (day) => new Intl.DateTimeFormat(language, { dateStyle: "long", timeZone: "UTC" }).format(new Date(day));

function show(quote) {
  const facts = { number: quote.number, seller: quote.seller.name, validUntil: date(quote.validUntil), note: quote.note, net: money(quote.net), tax: money(quote.tax), gross: money(quote.gross) };
  for (const [name, text] of Object.entries(facts)) document.querySelector(`[data-fact=${name}]`).textContent = text;
  for (const state of main.querySelectorAll("[data-state]")) state.hidden = state.dataset.state !== quote.state;
  main.querySelector("tbody").replaceChildren(...quote.items.map((item) => {
    const row = document.createElement("tr");
    const quantity = `${new Intl.NumberFormat(language, { maximumFractionDigits: 4 }).format(item.quantity)} ${main.dataset[item.unit] ?? item.unit}`;
    for (const [i, text] of [item.product.name, quantity, money(item.unitPrice), money(item.lineTotal)].entries()) {
      const cell = row.insertCell();
      cell.textContent = text;
      if (i > 0) cell.className = "number";
    }
    return row;
  }));
  main.querySelector(".quote").hidden = false;
  main.querySelector(".deciding").hidden = quote.state !== "OPEN";
}

async function load() {
  try {
    const { data, wrong } = await ask(main.dataset.show, { token });
    if (data?.quote) show(data.quote);
    else outcome.textContent = wrong || main.dataset.unknown;
  } catch {
    outcome.textContent = main.dataset.failed;
  }
}

for (const form of main.querySelectorAll("form")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const input = { token, ...Object.fromEntries(new FormData(form)) };
    if (input.email !== undefined) input.idempotencyKey = idempotencyKey;
    outcome.textContent = "…";
    try {
      const { data, wrong } = await ask(form.dataset.query, { input });
      outcome.textContent = wrong || `${form.dataset.done} ${data.done.order?.number ?? ""}`;
      await load();
    } catch {
      outcome.textContent = main.dataset.failed;
    }
  });
}

load();
