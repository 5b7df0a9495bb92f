// A file that comes inside of a form (multipart/form-data), as browsers and most tools send one:
// its bytes, as they arrive.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';

import { DomainError } from '../../core/errors.ts';
import { messageOf } from '../../platform/error-text.ts';

const FIELDS_MAX = 20;
const FIELD_BYTES_MAX = 4096;

const malformed = (message: string): DomainError => new DomainError('malformed_request', message);

/**
 * The bytes of the one file of a form. Throws `malformed_request` for a form without a file, with
 * several, or that is none.
 */
export async function* fileOfForm(stream: AsyncIterable<Buffer>, contentType: string): AsyncGenerator<Buffer> {
  const form = formOf(contentType);
  let fault: DomainError | null = null;
  const found = new Promise<BusboyFileStream>((resolve) => form.once('file', (_name, file) => resolve(file)));
  form.on('field', (name) => {
    fault ??= malformed(`The form has the field ${JSON.stringify(name)}: say in the query how the file is to be read.`);
  });
  form.once('filesLimit', () => (fault ??= malformed('The form has more than one file.')));
  const arriving = pipeline(Readable.from(stream), form);
  const file = await Promise.race([found, arriving.then(() => null)]);
  if (file === null) throw fault ?? malformed('The form has no file.');
  // What breaks off the form breaks off its file; and who stops reading the file stops the form.
  const broken = arriving.catch((error: unknown) => {
    file.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  });
  broken.catch(() => undefined);
  try {
    yield* file as AsyncIterable<Buffer>;
  } catch (error) {
    throw error instanceof DomainError ? error : malformed(`The form breaks off: ${messageOf(error)}.`);
  }
  await broken;
  if (fault !== null) throw fault;
}

function formOf(contentType: string): BusboyInstance {
  try {
    return new Busboy({
      headers: { 'content-type': contentType },
      limits: { files: 1, fields: FIELDS_MAX, fieldSize: FIELD_BYTES_MAX, fileSize: Number.POSITIVE_INFINITY },
    });
  } catch (error) {
    throw malformed(`The form cannot be read: ${messageOf(error)}.`);
  }
}
