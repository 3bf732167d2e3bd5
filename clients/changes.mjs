// Compares the schema with the last release. What breaks clients has to be announced: by @deprecated in the last
// release, or with a reason in released/breaking.json. `--write` writes the changelog anew, `--release 1.2.0` closes it.
import { readFileSync, writeFileSync } from 'node:fs';
import { CriticalityLevel, diff, DiffRule } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';

const here = (name) => new URL(name, import.meta.url);
const read = (name) => readFileSync(here(name), 'utf8');
const announced = JSON.parse(read('released/breaking.json'));
const changes = await diff(buildSchema(read('released/schema.graphql')), buildSchema(read('schema.graphql')), [
  ({ changes }) => changes.filter(({ type }) => !type.includes('DESCRIPTION')),
  DiffRule.suppressRemovalOfDeprecatedField,
  DiffRule.simplifyChanges,
]);

const of = (level) => changes.filter((change) => change.criticality.level === level);
const breaking = of(CriticalityLevel.Breaking);
const problems = breaking.filter(({ path }) => !announced[path]).map(({ path, message }) => `breaks clients: ${path}: ${message}`);
problems.push(...Object.keys(announced).filter((path) => !breaking.some((change) => change.path === path)).map((path) => `released/breaking.json announces what does not break: ${path}`));

const sections = { Breaking: CriticalityLevel.Breaking, 'May break': CriticalityLevel.Dangerous, Compatible: CriticalityLevel.NonBreaking };
const told = Object.entries(sections).flatMap(([title, level]) => {
  const lines = of(level).map(({ path, message }) => `- ${message}${announced[path] ? `: ${announced[path]}` : ''}`);
  return lines.length > 0 ? [`### ${title}`, [...new Set(lines)].sort().join('\n')] : [];
});
const unreleased = ['## Unreleased', ...(told.length > 0 ? told : ['Nothing.'])].join('\n\n');
const [, before, later] = /^([\s\S]*?)## Unreleased[\s\S]*?(?=\n## |$(?![\s\S]))([\s\S]*)$/.exec(read('CHANGELOG.md'));
const changelog = (text) => `${before}${text}\n${later}`.trimEnd() + '\n';

const [option, version] = process.argv.slice(2);
if (option === '--release' && problems.length === 0) {
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error('name the version: npm run release -- 1.2.0');
  const today = new Date().toISOString().slice(0, 10);
  writeFileSync(here('CHANGELOG.md'), changelog(`## Unreleased\n\nNothing.\n\n${unreleased.replace('Unreleased', `${version}, ${today}`)}`));
  writeFileSync(here('released/schema.graphql'), read('schema.graphql'));
  writeFileSync(here('released/breaking.json'), '{}\n');
} else if (option === '--write') {
  writeFileSync(here('CHANGELOG.md'), changelog(unreleased));
} else if (read('CHANGELOG.md') !== changelog(unreleased)) {
  problems.push('clients/CHANGELOG.md is not what changed: run make changelog');
}
console.log(problems.length > 0 ? problems.join('\n') : `${changes.length} changes of the schema since the last release, none breaks clients unannounced`);
process.exitCode = problems.length > 0 ? 1 : 0;
