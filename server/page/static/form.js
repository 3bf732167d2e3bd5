// The pages behind links in mails: send the form, with the token of the address, to
// the API and say how it went.
"use strict";

const form = document.querySelector("form.fields");
const given = new URLSearchParams(location.search);
const email = form.querySelector("[name=email]");
if (email && given.has("email")) email.value = given.get("email");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const outcome = form.querySelector(".outcome");
  const input = Object.fromEntries(new FormData(form));
  if (given.has("token")) input.token = given.get("token");
  outcome.textContent = "…";
  try {
    const response = await fetch("/graphql", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ query: form.dataset.query, variables: { input } }),
    });
    const { data, errors } = await response.json();
    const wrong = [...(errors ?? []), ...(data?.done?.errors ?? [])];
    if (wrong.length === 0) form.querySelectorAll("input, button").forEach((element) => { element.disabled = true; });
    outcome.textContent = wrong.length > 0 ? wrong.map((e) => e.message).join(" ") : `${form.dataset.done} ${data.done.username ?? ""}`;
  } catch {
    outcome.textContent = form.dataset.failed;
  }
});
