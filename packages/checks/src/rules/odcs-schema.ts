/**
 * The shape of a data contract under ODCS (Open Data Contract Standard, Bitol, Apache-2.0), written from the standard's
 * facts: its members, their types, what is required and which words are known. Versions 3.0.x leave most objects open;
 * 3.1.0 closes them. Held against the published schemas over generated and mutated contracts (docs/data-contracts.md).
 */
export const ODCS_VERSIONS = ['v3.0.0', 'v3.0.1', 'v3.0.2', 'v3.1.0'] as const;
export type OdcsVersion = (typeof ODCS_VERSIONS)[number];

type Schema = Record<string, unknown>;

const text: Schema = { type: 'string' };
const number: Schema = { type: 'number' };
const whole: Schema = { type: 'integer' };
const count: Schema = { type: 'integer', minimum: 0 };
const flag: Schema = { type: 'boolean' };
const open: Schema = { type: 'object' };
const uri: Schema = { type: 'string', format: 'uri' };
const day: Schema = { type: 'string', format: 'date' };
const scalar: Schema = { type: ['string', 'number', 'boolean', 'null'] };
const anything: Schema = { type: ['string', 'number', 'boolean', 'null', 'array', 'object'] };
const texts: Schema = { type: 'array', items: text };
const many = (items: Schema): Schema => ({ type: 'array', items });
const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` });
const words = (...values: string[]): Schema => ({ type: 'string', enum: values });
const all = (names: string, schema: Schema): Record<string, Schema> =>
  Object.fromEntries(names.split(' ').map((name) => [name, schema]));

function object(properties: Record<string, Schema>, required: string[] = [], closed = false): Schema {
  return {
    type: 'object',
    properties,
    ...(required.length > 0 ? { required } : {}),
    ...(closed ? { additionalProperties: false } : {}),
  };
}

/** `when` the member has one of some values, `then` the rest applies. */
function when(member: string, values: string[], then: Schema, required = true): Schema {
  const found = { properties: { [member]: { enum: values } }, ...(required ? { required: [member] } : {}) };
  return implies(found, then);
}

function implies(condition: Schema, then: Schema): Schema {
  return { if: condition, then };
}

/** JSON Schema (2019-09) of a version. */
export function odcsSchema(version: OdcsVersion): Schema {
  const latest = version === 'v3.1.0';
  const since = (first: OdcsVersion, properties: Record<string, Schema>) =>
    ODCS_VERSIONS.indexOf(version) >= ODCS_VERSIONS.indexOf(first) ? properties : {};
  const id = since('v3.1.0', { id: { type: 'string', pattern: '^[A-Za-z0-9_-]+$' } });
  const definitions = { authoritativeDefinitions: ref('definitions') };
  const custom = { customProperties: many(ref('custom')) };
  return {
    $schema: 'https://json-schema.org/draft/2019-09/schema',
    ...object(
      {
        ...all('version id name tenant status dataProduct domain slaDefaultElement', text),
        kind: words('DataContract'),
        apiVersion: words(...ODCS_VERSIONS),
        tags: texts,
        servers: many(ref('server')),
        description: object({
          ...all('usage purpose limitations', text),
          ...since('v3.0.1', { ...definitions, ...custom }),
        }),
        schema: many(ref('object')),
        support: many(ref('support')),
        price: object({ ...id, priceAmount: number, ...all('priceCurrency priceUnit', text) }, [], latest),
        team: latest ? { oneOf: [ref('team'), many(ref('member'))] } : many(ref('member')),
        roles: many(ref('role')),
        slaProperties: many(ref('level')),
        ...since('v3.0.1', definitions),
        ...custom,
        contractCreatedTs: { type: 'string', format: 'date-time' },
      },
      ['version', 'apiVersion', 'kind', 'id', 'status'],
      true,
    ),
    $defs: {
      definitions: many(
        object(
          { ...id, ...all('url type', text), ...since('v3.1.0', { description: text }) },
          ['url', 'type'],
          latest,
        ),
      ),
      custom: object(
        { ...id, property: text, value: anything, ...since('v3.1.0', { description: text }) },
        latest ? ['property', 'value'] : [],
        latest,
      ),
      role: object(
        {
          ...id,
          ...all('role description access firstLevelApprovers secondLevelApprovers', text),
          ...since('v3.0.1', custom),
        },
        ['role'],
        latest,
      ),
      support: object(
        {
          ...id,
          ...all('channel url description tool scope invitationUrl', text),
          ...since('v3.1.0', custom),
        },
        latest ? ['channel'] : ['channel', 'url'],
        latest,
      ),
      member: object(
        {
          ...id,
          ...all('username role replacedByUsername', text),
          ...since('v3.0.2', all('name description', text)),
          dateIn: day,
          dateOut: day,
          ...since('v3.1.0', { tags: texts, ...custom, ...definitions }),
        },
        latest ? ['username'] : [],
        latest,
      ),
      team: object(
        {
          ...id,
          ...all('name description', text),
          members: many(ref('member')),
          tags: texts,
          ...custom,
          ...definitions,
        },
        [],
        true,
      ),
      level: object(
        {
          ...id,
          ...all('property unit element driver', text),
          value: scalar,
          valueExt: scalar,
          ...since('v3.1.0', all('description scheduler schedule', text)),
        },
        ['property', 'value'],
        latest,
      ),
      server: serverSchema(version, id),
      element: object({
        ...id,
        ...all('name physicalType description businessName', text),
        ...definitions,
        tags: texts,
        ...custom,
      }),
      object: {
        ...object(
          {
            logicalType: words('object'),
            physicalName: text,
            dataGranularityDescription: text,
            properties: many(ref('property')),
            ...since('v3.1.0', { relationships: many(ref('objectRelation')) }),
            quality: many(ref('quality')),
          },
          ['name'],
        ),
        allOf: [ref('element')],
        unevaluatedProperties: false,
      },
      base: baseSchema(latest, since('v3.0.2', { physicalName: text })),
      property: { type: 'object', ...ref('base'), required: ['name'], unevaluatedProperties: false },
      item: {
        type: 'object',
        ...ref('base'),
        properties: { properties: many(ref('property')) },
        unevaluatedProperties: false,
      },
      quality: qualitySchema(latest, id),
      ...(latest ? relationSchemas() : {}),
    },
  };
}

/** Members of each kind of server, those that are required first, before the bar. */
const SERVERS: Record<string, string> = {
  api: 'location:uri |',
  athena: 'stagingDir:uri schema | catalog regionName',
  azure: 'location:uri format:format | delimiter:delimiter',
  bigquery: 'project dataset |',
  clickhouse: 'host port:whole database |',
  databricks: 'catalog schema | host',
  denodo: 'host port:whole | database',
  dremio: 'host port:whole | schema',
  duckdb: 'database | schema:duckdb',
  glue: 'account database | location:uri format',
  cloudsql: 'host port:whole database schema |',
  db2: 'host port:whole database | schema',
  hive: 'host database | port:whole',
  impala: 'host database | port:whole',
  informix: 'host database | port:whole',
  zen: 'host database | port:whole',
  custom:
    '| account catalog database dataset delimiter endpointUrl:uri format host location:uri path port:whole project region regionName schema serviceName stagingDir:staging warehouse stream:stream',
  kafka: 'host | format',
  kinesis: '| region format',
  local: 'path format |',
  mysql: 'host port:whole database |',
  oracle: 'host port:whole serviceName |',
  postgresql: 'host port:whole database schema |',
  postgres: 'host port:whole database schema |',
  presto: 'host | catalog schema',
  pubsub: 'project |',
  redshift: 'database schema | host region account',
  s3: 'location:uri | endpointUrl:uri format:format delimiter:delimiter',
  sftp: 'location:sftp | format:format delimiter:delimiter',
  snowflake: 'account database schema | host port:whole warehouse',
  sqlserver: 'host database schema | port:whole',
  synapse: 'host port:whole database |',
  trino: 'host port:whole catalog schema |',
  vertica: 'host port:whole database schema |',
};
const NEW_SERVERS = ['hive', 'impala', 'zen'];

function serverSchema(version: OdcsVersion, id: Record<string, Schema>): Schema {
  const latest = version === 'v3.1.0';
  const misspelt = version === 'v3.0.0' || version === 'v3.0.1';
  const kinds = Object.keys(SERVERS).filter((kind) => latest || !NEW_SERVERS.includes(kind));
  const types: Record<string, Schema> = {
    uri,
    whole,
    sftp: { ...uri, pattern: '^sftp://.*' },
    // Words until v3.0.2, any text since.
    format: latest ? text : words('parquet', 'delta', 'json', 'csv'),
    delimiter: latest ? text : words('new_line', 'array'),
    duckdb: latest ? text : whole,
    staging: text,
    stream: text,
  };
  const member = (written: string): [string, Schema][] => {
    const [name = '', type = ''] = written.split(':');
    if (type === 'stream' && !latest) return [];
    return [[name, types[type] ?? text]];
  };
  const details = (kind: string): Schema => {
    const [required = '', optional = ''] = SERVERS[kind]!.split('|').map((part) => part.trim());
    const list = (part: string) => (part === '' ? [] : part.split(' '));
    const properties = Object.fromEntries([...list(required), ...list(optional)].flatMap(member));
    return object(
      properties,
      list(required)
        .map((written) => written.split(':')[0]!)
        // The published schemas before v3.0.2 demand this member under another spelling than they define it.
        .map((name) => (name === 'stagingDir' && misspelt ? 'staging_dir' : name)),
    );
  };
  return {
    ...object(
      {
        ...id,
        server: text,
        type: words(...kinds),
        description: text,
        environment: text,
        roles: many(ref('role')),
        customProperties: many(ref('custom')),
      },
      ['server', 'type'],
    ),
    allOf: kinds.map((kind) => when('type', [kind], details(kind))),
    ...(latest ? { unevaluatedProperties: false } : {}),
  };
}

function baseSchema(latest: boolean, physicalName: Record<string, Schema>): Schema {
  const types = [
    'string',
    'date',
    'number',
    'integer',
    'object',
    'array',
    'boolean',
    ...(latest ? ['timestamp', 'time'] : []),
  ];
  // Until v3.0.2 an exclusive limit was a flag beside the limit, since v3.1 it is one of its own.
  const limits = (of: Schema) => ({
    minimum: of,
    maximum: of,
    ...all('exclusiveMinimum exclusiveMaximum', latest ? of : flag),
  });
  const numeric = (...formats: string[]) => ({
    multipleOf: { type: 'number', exclusiveMinimum: 0 },
    ...limits(number),
    format: words(...formats),
  });
  const options = (type: string[], members: Record<string, Schema>, more: Record<string, Schema> = {}) =>
    when(
      'logicalType',
      type,
      { properties: { logicalTypeOptions: object(members, [], true), ...more } },
      false,
    );
  const widths = ['8', '16', '32', '64', '128'];
  return {
    ...object({
      ...all('primaryKey required unique partitioned criticalDataElement', flag),
      ...all('primaryKeyPosition partitionKeyPosition', whole),
      ...physicalName,
      ...all('physicalType classification encryptedName transformLogic transformDescription', text),
      logicalType: words(...types),
      logicalTypeOptions: open,
      transformSourceObjects: texts,
      examples: many(anything),
      ...(latest ? { relationships: many(ref('propertyRelation')) } : {}),
      quality: many(ref('quality')),
    }),
    allOf: [
      ref('element'),
      options(['string'], { minLength: count, maxLength: count, ...all('pattern format', text) }),
      options(['date'], { format: text, ...limits(text) }),
      ...(latest
        ? [
            options(['timestamp', 'time'], {
              format: text,
              ...limits(text),
              timezone: flag,
              defaultTimezone: text,
            }),
          ]
        : []),
      options(['integer'], numeric(...widths.map((w) => `i${w}`), ...widths.map((w) => `u${w}`))),
      options(['number'], numeric('f32', 'f64')),
      options(
        ['object'],
        {
          minProperties: count,
          maxProperties: count,
          required: { type: 'array', items: text, minItems: 1, uniqueItems: true },
        },
        { properties: many(ref('property')) },
      ),
      options(['array'], { minItems: count, maxItems: count, uniqueItems: flag }, { items: ref('item') }),
    ],
    ...(latest ? { unevaluatedProperties: false } : {}),
  };
}

function operatorSchema(): Record<string, Schema> {
  const two = { type: 'array', minItems: 2, maxItems: 2, uniqueItems: true, items: number };
  return {
    mustBe: {},
    mustNotBe: {},
    ...all('mustBeGreaterThan mustBeGreaterOrEqualTo mustBeLessThan mustBeLessOrEqualTo', number),
    ...all('mustBeBetween mustNotBeBetween', two),
  };
}

function qualitySchema(latest: boolean, id: Record<string, Schema>): Schema {
  const operators = operatorSchema();
  // Since v3.1 a rule has one operator.
  const one: Schema = latest
    ? { oneOf: Object.entries(operators).map(([name, schema]) => object({ [name]: schema }, [name])) }
    : {};
  const library: Schema = latest
    ? {
        ...object(
          {
            metric: words('nullValues', 'missingValues', 'invalidValues', 'duplicateValues', 'rowCount'),
            rule: text,
            arguments: open,
          },
          ['metric'],
        ),
        allOf: [one],
      }
    : object({ rule: text, ...operators }, ['rule']);
  const named = {
    anyOf: [object({ type: { const: 'library' } }, ['type']), object({ metric: text }, ['metric'])],
  };
  const isLibrary = implies(latest ? named : { properties: { type: { const: 'library' } } }, library);
  const implementation = { oneOf: [text, open] };
  return {
    ...object({
      ...id,
      ...all('businessImpact description method name schedule scheduler severity unit', text),
      authoritativeDefinitions: ref('definitions'),
      customProperties: many(ref('custom')),
      dimension: words(
        'accuracy',
        'completeness',
        'conformity',
        'consistency',
        'coverage',
        'timeliness',
        'uniqueness',
      ),
      tags: texts,
      type: words('text', 'library', 'sql', 'custom'),
    }),
    allOf: [
      isLibrary,
      when('type', ['sql'], { ...object({ query: text }, ['query']), ...(latest ? { allOf: [one] } : {}) }),
      when('type', ['custom'], object({ engine: text, implementation }, ['engine', 'implementation'])),
    ],
    ...(latest ? { unevaluatedProperties: false } : {}),
  };
}

/** Foreign keys, since v3.1: `orders.customer_id`, or `schema/orders/properties/customer_id`. */
function relationSchemas(): Record<string, Schema> {
  const short = '^[A-Za-z_][A-Za-z0-9_]*\\.[A-Za-z_][A-Za-z0-9_]*$';
  const full =
    '^(?:(?:https?:\\/\\/)?[A-Za-z0-9._\\-\\/]+\\.yaml#)?\\/?[A-Za-z_][A-Za-z0-9_]*\\/[A-Za-z0-9_-]+(?:\\/[A-Za-z_][A-Za-z0-9_]*\\/[A-Za-z0-9_-]+)*$';
  const place: Schema = { type: 'string', anyOf: [{ pattern: short }, { pattern: full }] };
  const places = { oneOf: [place, { type: 'array', items: place, minItems: 1 }] };
  const relation = { type: words('foreignKey'), to: places, customProperties: many(ref('custom')) };
  const same = (type: Schema) => ({ properties: { from: type, to: type } });
  return {
    objectRelation: {
      ...object({ ...relation, from: places }, ['from', 'to'], true),
      oneOf: [same(text), same({ type: 'array' })],
    },
    propertyRelation: object(relation, ['to'], true),
  };
}
