// Writes the clients' operations as modules that relay-compiler reads. Relay wants the name of the
// module in front of the name of each operation and fragment; nothing else of them is changed.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Kind, parse, print, visit } from 'graphql';

const from = new URL('../operations/', import.meta.url);
const to = new URL('operations/', import.meta.url);
const capital = (word) => word[0].toUpperCase() + word.slice(1);

rmSync(to, { recursive: true, force: true });
mkdirSync(to);
let operations = 0;
for (const client of readdirSync(from)) {
  for (const file of readdirSync(new URL(`${client}/`, from))) {
    const module = capital(client) + capital(file.replace('.graphql', ''));
    const fragment = (name) => ({ ...name, value: `${module}_${name.value}` });
    const document = visit(parse(readFileSync(new URL(`${client}/${file}`, from), 'utf8')), {
      OperationDefinition: (node) => ({ ...node, name: { ...node.name, value: module + node.name.value + capital(node.operation) } }),
      FragmentDefinition: (node) => ({ ...node, name: fragment(node.name) }),
      FragmentSpread: (node) => ({ ...node, name: fragment(node.name) }),
    });
    operations += document.definitions.filter((d) => d.kind === Kind.OPERATION_DEFINITION).length;
    const tags = document.definitions.map((definition) => `graphql\`\n${print(definition)}\n\`;\n`);
    writeFileSync(new URL(`${module}.js`, to), `import { graphql } from 'relay-runtime';\n\n${tags.join('\n')}`);
  }
}
console.log(`${operations} operations for relay-compiler`);
