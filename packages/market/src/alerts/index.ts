export { type AlertRule, MAX_RULES, parseAlertRule, type RuleFigure } from './alert-rule.ts';
export { BUILT_IN_RULES } from './built-in-rules.ts';
export { type AlertAnswer, compileRule, evaluateRule } from './evaluate-rule.ts';
export { type QuietHours, quietUntil } from './quiet-hours.ts';
