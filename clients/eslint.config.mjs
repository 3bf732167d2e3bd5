// Rules for the published schema and for what clients send.
import graphql from '@graphql-eslint/eslint-plugin';

const { 'flat/schema-recommended': schema, 'flat/schema-relay': relay, 'flat/operations-recommended': operations } = graphql.configs;
const [, names] = schema.rules['@graphql-eslint/naming-convention'];

const files = (pattern, rules) => ({
  files: [pattern],
  plugins: { '@graphql-eslint': graphql },
  languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema: 'schema.graphql', documents: 'operations/*/*.graphql' } } },
  rules,
});

export default [
  files('schema.graphql', {
    ...schema.rules,
    ...relay.rules,
    // Languages are written as everywhere else: de, en.
    '@graphql-eslint/naming-convention': ['error', { ...names, EnumValueDefinition: { style: 'UPPER_CASE', ignorePattern: '^(de|en)$' } }],
    // Payloads and parts are not nodes, and a user name is not the name of a user.
    '@graphql-eslint/strict-id-in-types': 'off',
    '@graphql-eslint/no-typename-prefix': 'off',
    // Every connection has a list of its nodes, too; some nodes (why somebody has a right) have no ID.
    '@graphql-eslint/relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false }],
    // Lists inside of something are read forwards only. That what is a connection to Relay is one, its compiler knows best.
    '@graphql-eslint/relay-arguments': 'off',
    '@graphql-eslint/relay-connection-types': 'off',
  }),
  files('operations/*/*.graphql', {
    ...operations.rules,
    // A file stands for itself: fragments that several files need are in each of them.
    '@graphql-eslint/unique-fragment-name': 'off',
    // What a client does with an object decides whether it needs the ID. Depth is bounded by the server.
    '@graphql-eslint/require-selections': 'off',
    '@graphql-eslint/selection-set-depth': 'off',
  }),
];
