import { AssayError } from '@assay/core';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import addFormatsModule from 'ajv-formats';
import { type Document, isAlias, isNode, LineCounter, parseDocument, visit } from 'yaml';
import { ODCS_VERSIONS, type OdcsVersion, odcsSchema } from './odcs-schema.ts';
import { fail, type Members, nearestOf, record, shown } from './shape.ts';

// The package is CommonJS: its default export is the module itself under Node's rules.
const addFormats = addFormatsModule as unknown as (ajv: unknown) => void;

const MAX_CHARACTERS = 1_000_000;

/**
 * Parses YAML or JSON, holds a contract against the standard's shape, and lets the rest be read; every error then says
 * line and column.
 *
 * @param inside path of a text in another document, whose own positions would mislead.
 * @throws CONTRACT_INVALID
 */
export function readDocument<T>(source: string, read: (document: Members) => T, inside = ''): T {
  if (source.length > MAX_CHARACTERS)
    fail(inside, `at most ${MAX_CHARACTERS} characters`, `${source.length}`);
  const lines = new LineCounter();
  const document = parseDocument(source, { uniqueKeys: true, lineCounter: lines });
  const broken = document.errors[0];
  if (broken) {
    const [at] = broken.linePos ?? [];
    fail(
      inside,
      'YAML',
      `${broken.message.split('\n')[0]?.replace(/ at line.*$/, '') ?? 'something else'}${at ? ` (line ${at.line}, column ${at.col})` : ''}`,
    );
  }
  noAlias(document, lines, inside);
  try {
    const value = record(document.toJS({ maxAliasCount: 0 }), '');
    if (inside === '' && 'kind' in value) fitsStandard(value);
    return read(value);
  } catch (error) {
    throw inside === '' ? placed(error, document, lines) : nested(error, inside);
  }
}

/** Aliases would let a small file grow without bound, and a contract must be readable as it stands. */
function noAlias(document: Document, lines: LineCounter, inside: string): void {
  visit(document, {
    Alias(_, alias, path) {
      const { line, col } = lines.linePos(alias.range?.[0] ?? 0);
      const cycle = path.some(
        (node) => isNode(node) && !isAlias(node) && (node as { anchor?: string }).anchor === alias.source,
      );
      fail(
        inside,
        'YAML without aliases',
        `an alias${cycle ? ' that contains itself' : ''}, *${alias.source} (line ${line}, column ${col})`,
      );
    },
  });
}

function nested(error: unknown, inside: string): unknown {
  if (!(error instanceof AssayError)) return error;
  return new AssayError(error.code, `${inside}: ${error.message}`, {
    ...(error.next === undefined ? {} : { next: error.next }),
    detail: { ...error.detail, path: inside },
    cause: error,
  });
}

/** Adds where in the file the path of an error lies, as deep as the file has it. */
function placed(error: unknown, document: Document, lines: LineCounter): unknown {
  if (!(error instanceof AssayError) || typeof error.detail?.path !== 'string') return error;
  const steps = [...error.detail.path.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([step, index]) =>
    index === undefined ? step : Number(index),
  );
  for (let depth = steps.length; depth >= 0; depth--) {
    const node = depth === 0 ? document.contents : document.getIn(steps.slice(0, depth), true);
    const range = isNode(node) ? node.range : undefined;
    if (!range) continue;
    const { line, col } = lines.linePos(range[0]);
    return new AssayError(error.code, `${error.message} (line ${line}, column ${col})`, {
      ...(error.next === undefined ? {} : { next: error.next }),
      detail: { ...error.detail, line, column: col },
      cause: error,
    });
  }
  return error;
}

const validators = new Map<OdcsVersion, ValidateFunction>();

function fitsStandard(document: Members): void {
  const version = document.apiVersion as OdcsVersion;
  if (!ODCS_VERSIONS.includes(version)) fail('apiVersion', ODCS_VERSIONS.join(' or '), shown(version));
  let validate = validators.get(version);
  if (!validate) {
    const ajv = new Ajv2019({ allErrors: true, strict: false, verbose: true });
    addFormats(ajv);
    validate = ajv.compile(odcsSchema(version));
    validators.set(version, validate);
  }
  if (!validate(document)) tell(mostTelling(validate.errors ?? []));
}

/** Of a choice's errors the one that lies deepest; that a choice failed, or left a member unread, only repeats it. */
function mostTelling(errors: readonly ErrorObject[]): ErrorObject {
  const weight = ({ keyword, instancePath }: ErrorObject) =>
    (['if', 'oneOf', 'anyOf', 'allOf'].includes(keyword)
      ? -2_000
      : keyword === 'unevaluatedProperties'
        ? -1_000
        : 0) + instancePath.split('/').length;
  return errors.reduce((best, next) => (weight(next) > weight(best) ? next : best));
}

function tell({ keyword, instancePath, params, data, message, parentSchema }: ErrorObject): never {
  const path = instancePath
    .replaceAll(/\/(\d+)/g, '[$1]')
    .replaceAll('/', '.')
    .replace(/^\./, '')
    .replaceAll('~1', '/')
    .replaceAll('~0', '~');
  const member = (name: unknown) => (path === '' ? String(name) : `${path}.${name}`);
  switch (keyword) {
    case 'required':
      return fail(member(params.missingProperty), 'a value', 'nothing');
    case 'enum':
      return fail(
        path,
        (params.allowedValues as unknown[]).join(' or '),
        `${shown(data)}${suggestion(data, params.allowedValues)}`,
      );
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = params.additionalProperty ?? params.unevaluatedProperty;
      const known = Object.keys((parentSchema?.properties ?? {}) as object);
      return fail(member(name), 'no such member here', `${shown(name)}${suggestion(name, known)}`);
    }
    case 'oneOf':
      return fail(
        path,
        'exactly one of the allowed forms (a quality rule has one operator, like mustBe)',
        shown(data),
      );
    case 'type':
      return fail(path, [params.type].flat().join(' or '), shown(data));
    case 'format':
    case 'pattern':
      return fail(
        path,
        keyword === 'format' ? `a ${params.format}` : `a text that matches ${params.pattern}`,
        shown(data),
      );
    default:
      return fail(path, `what the standard says (it ${message})`, shown(data));
  }
}

function suggestion(given: unknown, known: readonly string[]): string {
  const nearest = typeof given === 'string' ? nearestOf(given, known) : undefined;
  return nearest ? `; did you mean ${nearest}?` : '';
}
