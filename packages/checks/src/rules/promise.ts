import { showLiteral } from './cells.ts';
import { columnsOf, type Expectation, type Operator, type Range } from './expectation.ts';

/** What an expectation promises, in words. */
export function promise(expectation: Expectation): string {
  const { mostly, condition } = expectation;
  const share = mostly === '1' ? '' : ` in at least ${percent(mostly)} % of rows`;
  return `${plain(expectation)}${share}${condition ? ` where ${cut(condition.text)}` : ''}`;
}

function plain(e: Expectation): string {
  switch (e.type) {
    case 'expect_column_values_to_be_null':
      return `${e.column} is null`;
    case 'expect_column_values_to_not_be_null':
      return `${e.column} is not null`;
    case 'expect_column_values_to_be_of_type':
    case 'expect_column_values_to_be_in_type_list':
      return `${e.column} is of type ${e.types?.join(' or ') ?? 'any'}`;
    case 'expect_column_values_to_be_in_set':
      return `${e.column} is one of ${set(e.values)}`;
    case 'expect_column_values_to_not_be_in_set':
      return `${e.column} is none of ${set(e.values)}`;
    case 'expect_column_values_to_be_between':
      return `${e.column} is ${range(e)}`;
    case 'expect_column_values_to_be_multiple_of':
      return `${e.column} is a multiple of ${e.step}`;
    case 'expect_column_value_lengths_to_be_between':
    case 'expect_column_value_lengths_to_equal':
      return `the length of ${e.column} is ${ends(e.min, e.max, e.strictMin, e.strictMax)}`;
    case 'expect_column_values_to_be_increasing':
      return `${e.column} ${e.strictly ? 'increases' : 'does not decrease'}`;
    case 'expect_column_values_to_be_decreasing':
      return `${e.column} ${e.strictly ? 'decreases' : 'does not increase'}`;
    case 'expect_column_values_to_match_strftime_format':
      return `${e.column} is a time like ${cut(e.format)}`;
    case 'expect_column_values_to_be_dateutil_parseable':
      return `${e.column} is a date or time`;
    case 'expect_column_values_to_be_json_parseable':
      return `${e.column} is JSON`;
    case 'expect_column_values_to_match_json_schema':
      return `${e.column} is JSON that fits its schema`;
    case 'expect_column_values_to_be_unique':
      return `${e.column} occurs once`;
    case 'expect_column_value_z_scores_to_be_less_than':
      return `the z-score of ${e.column} is below ${e.threshold}${e.doubleSided ? ' on either side' : ''}`;
    case 'expect_column_pair_values_to_be_equal':
      return `${e.columnA} equals ${e.columnB}`;
    case 'expect_column_pair_values_a_to_be_greater_than_b':
      return `${e.columnA} is ${e.orEqual ? 'at least' : 'above'} ${e.columnB}`;
    case 'expect_column_pair_values_to_be_in_set':
      return `${e.columnA} and ${e.columnB} are one of ${e.pairs?.length ?? 'all'} pairs`;
    case 'expect_compound_columns_to_be_unique':
      return `${e.columns.join(', ')} together occur once`;
    case 'expect_select_column_values_to_be_unique_within_record':
      return `${e.columns.join(', ')} differ within a row`;
    case 'expect_multicolumn_sum_to_equal':
      return `${e.columns.join(' + ')} is ${e.total}`;
    case 'expect_column_steps_to_be_at_most':
      return `${e.column} has no gap over ${e.maxSeconds} s`;
    case 'expect_column_to_be_positive_within':
      return `${e.column} was positive in the last ${e.maxSeconds} s`;
    case 'expect_column_quantile_values_to_be_between':
      return e.quantiles
        .map((q, i) => `the ${q} quantile of ${e.column} is ${ends(...e.ranges[i]!, false, false)}`)
        .join(', ');
    case 'expect_column_distinct_values_to_be_in_set':
      return `every value of ${e.column} is one of ${set(e.values)}`;
    case 'expect_column_distinct_values_to_equal_set':
      return `the values of ${e.column} are ${set(e.values)}`;
    case 'expect_column_distinct_values_to_contain_set':
      return `${e.column} has each of ${set(e.values)}`;
    case 'expect_column_most_common_value_to_be_in_set':
      return `the most common value of ${e.column} is one of ${set(e.values)}`;
    case 'expect_column_kl_divergence_to_be_less_than':
      return `the distribution of ${e.column} diverges by at most ${e.threshold ?? 'any amount'}`;
    case 'expect_table_row_count_to_be_between':
    case 'expect_table_row_count_to_equal':
      return `the number of rows is ${ends(e.min, e.max, false, false)}`;
    case 'expect_table_column_count_to_be_between':
    case 'expect_table_column_count_to_equal':
      return `the number of columns is ${ends(e.min, e.max, false, false)}`;
    case 'expect_column_to_exist':
      return `there is a column ${e.column}${e.index === null ? '' : ` at place ${e.index}`}`;
    case 'expect_table_columns_to_match_ordered_list':
      return `the columns are ${cut(e.columns?.join(', ') ?? 'any')}, in this order`;
    case 'expect_table_columns_to_match_set':
      return `the columns ${e.exact ? 'are' : 'include'} ${cut(e.columns?.join(', ') ?? 'any')}`;
    case 'rowCount':
      return `the number of rows is ${operator(e.operator)}`;
    case 'nullValues':
    case 'missingValues':
    case 'invalidValues':
    case 'duplicateValues': {
      const what = {
        nullValues: 'null',
        missingValues: 'missing',
        invalidValues: 'invalid',
        duplicateValues: 'repeated',
      }[e.type];
      return `${e.percent ? 'the percentage' : 'the number'} of ${what} values of ${e.columns.join(', ')} is ${operator(e.operator)}`;
    }
    case 'sql':
      return e.operator === null
        ? `no row is found by ${cut(e.query)}`
        : `${cut(e.query)} is ${operator(e.operator)}`;
    case 'text':
      return e.description === '' ? 'a rule without words' : cut(e.description);
    case 'expect_column_min_to_be_between':
    case 'expect_column_max_to_be_between':
    case 'expect_column_sum_to_be_between':
    case 'expect_column_mean_to_be_between':
    case 'expect_column_median_to_be_between':
    case 'expect_column_stdev_to_be_between':
    case 'expect_column_unique_value_count_to_be_between':
    case 'expect_column_proportion_of_unique_values_to_be_between':
    case 'expect_column_proportion_of_non_null_values_to_be_between': {
      const figure = e.type
        .replace(/^expect_column_/, '')
        .replace(/_to_be_between$/, '')
        .replaceAll('_', ' ');
      return `the ${figure} of ${columnsOf(e)} is ${range(e)}`;
    }
    default: {
      const verb = e.matchOn === 'none' ? 'does not match' : 'matches';
      return `${e.column} ${verb} ${e.patterns
        .slice(0, 3)
        .map(cut)
        .join(e.matchOn === 'all' ? ' and ' : ' or ')}${e.patterns.length > 3 ? ' …' : ''}`;
    }
  }
}

function range({ min, max, strictMin, strictMax }: Range): string {
  return ends(min, max, strictMin, strictMax);
}

function ends(
  min: string | number | null,
  max: string | number | null,
  strictMin: boolean,
  strictMax: boolean,
): string {
  if (min !== null && min === max && !strictMin && !strictMax) return String(min);
  const least = min === null ? '' : `${strictMin ? 'above' : 'at least'} ${min}`;
  const most = max === null ? '' : `${strictMax ? 'below' : 'at most'} ${max}`;
  return [least, most].filter((part) => part !== '').join(' and ') || 'anything';
}

function operator(operator: Operator): string {
  if ('low' in operator)
    return `${operator.name === 'mustBeBetween' ? '' : 'not '}between ${operator.low} and ${operator.high} (ends left out)`;
  const words = {
    mustBe: '',
    mustNotBe: 'not ',
    mustBeGreaterThan: 'above ',
    mustBeGreaterOrEqualTo: 'at least ',
    mustBeLessThan: 'below ',
    mustBeLessOrEqualTo: 'at most ',
  };
  return `${words[operator.name]}${operator.name === 'mustBe' || operator.name === 'mustNotBe' ? showLiteral(operator.value) : operator.value}`;
}

function set(values: readonly Parameters<typeof showLiteral>[0][] | null): string {
  if (values === null) return 'any';
  const shown = values.slice(0, 8).map(showLiteral).join(', ');
  return values.length > 8
    ? `${shown} and ${values.length - 8} more`
    : values.length === 0
      ? 'no values'
      : shown;
}

function percent(share: string): string {
  return String(Number((Number(share) * 100).toPrecision(12)));
}

function cut(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 120 ? `${line.slice(0, 120)}…` : line;
}
