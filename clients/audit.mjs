// Runs the GraphQL-over-HTTP audits of graphql-http, and subscriptions with the usual clients, against a
// Kontor of its own: demo data in a temporary folder, on a free port. Ends with 1 when something fails.
import { serverAudits } from 'graphql-http';
import { start } from './kontor.mjs';
import { subscriptions } from './subscriptions.mjs';

const { base, endpoint, stop } = await start();
let failed = 0;
try {
  let passed = 0;
  const audits = serverAudits({ url: endpoint, fetchFn: fetch });
  for (const audit of audits) {
    const result = await audit.fn();
    if (result.status === 'ok') {
      passed += 1;
      continue;
    }
    if (result.status !== 'notice') failed += 1;
    console.log(`${result.status} ${audit.id} ${audit.name}: ${result.reason}`);
  }
  console.log(`${passed} passed, ${failed} failed, ${audits.length - passed - failed} skipped`);
  const wrong = await subscriptions(base);
  failed += wrong.length;
  console.log(wrong.length === 0 ? 'graphql-ws and graphql-sse are told of orders' : wrong.join('\n'));
} finally {
  await stop();
}
process.exit(failed > 0 ? 1 : 0);
