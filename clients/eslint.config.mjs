// Rules for the published schema and for what clients send.
import graphql from '@graphql-eslint/eslint-plugin';

const files = (name, documents, rules) => ({
  files: [name],
  plugins: { '@graphql-eslint': graphql },
  languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema: 'schema.graphql', ...(documents && { documents }) } } },
  rules,
});

export default [
  files('schema.graphql', undefined, { ...graphql.configs['flat/schema-recommended'].rules, ...graphql.configs['flat/schema-relay'].rules }),
  ...['spa', 'mobile', 'partner'].map((client) =>
    files(`operations/${client}/*.graphql`, `operations/${client}/*.graphql`, { ...graphql.configs['flat/operations-recommended'].rules }),
  ),
];
