// A typed client in a page: what comes back has the type of the operation that was sent.
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print } from 'graphql';

/** What a client cannot put right; what a person can is in the payload's `errors`. */
export class Refused extends Error {
  constructor(message: string, readonly code: string) {
    super(message);
  }
}

interface Answer<Data> {
  data?: Data | null;
  errors?: { message: string; extensions?: { code?: string } }[];
}

/** Sends operations to Kontor. In a browser, the session is in a cookie that the browser keeps. */
export class Kontor {
  constructor(private readonly endpoint: string, private readonly fetching: typeof fetch = fetch) {}

  /** Executes an operation; the variables must fit it. Throws Refused. */
  async ask<Data, Variables>(operation: TypedDocumentNode<Data, Variables>, variables: NoInfer<Variables>): Promise<Data> {
    const response = await this.fetching(this.endpoint, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json' },
      body: JSON.stringify({ query: print(operation), variables }),
    });
    const { data, errors } = (await response.json()) as Answer<Data>;
    const first = errors?.[0];
    if (first) throw new Refused(first.message, first.extensions?.code ?? 'INTERNAL');
    if (!data) throw new Refused(`the answer of status ${response.status} is empty`, 'INTERNAL');
    return data;
  }
}
