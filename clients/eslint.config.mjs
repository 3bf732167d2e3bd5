// The rules for the published schema and for what clients send.
import graphql from '@graphql-eslint/eslint-plugin';

const parser = { parser: graphql.parser, parserOptions: { graphQLConfig: { schema: 'schema.graphql', documents: 'operations/**/*.graphql' } } };

export default [
  { files: ['schema.graphql'], languageOptions: parser, plugins: { '@graphql-eslint': graphql }, rules: graphql.configs['flat/schema-all']?.rules ?? {} },
];
