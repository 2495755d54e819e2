import type { ReactNode, Ref } from 'react';

/** A part that scrolls by itself: it has a name, and the keyboard reaches it. */
export function ScrollArea({
  name,
  className = 'overflow-x-auto',
  ref,
  children,
}: {
  name: string;
  className?: string;
  ref?: Ref<HTMLElement>;
  children: ReactNode;
}) {
  return (
    // Words for screen readers alone are placed absolutely: they must not widen the page.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
    <section ref={ref} className={`relative ${className}`} tabIndex={0} aria-label={name}>
      {children}
    </section>
  );
}
