export type Theme = 'light' | 'dark';

const KEY = 'assay-theme';

/** The reader's choice, else the system's. */
export function currentTheme(): Theme {
  const chosen = localStorage.getItem(KEY);
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

/** Shows a theme; a given one is remembered. */
export function applyTheme(chosen?: Theme): Theme {
  if (chosen) localStorage.setItem(KEY, chosen);
  const theme = chosen ?? currentTheme();
  document.documentElement.dataset.theme = theme;
  return theme;
}
