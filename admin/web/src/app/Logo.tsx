// SPDX-License-Identifier: Apache-2.0
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden>
      <rect width="32" height="32" rx="8" style={{ fill: 'var(--accent)' }} />
      <path d="M8.5 12h15l-1.9 11.2a2 2 0 0 1-2 1.8h-7.2a2 2 0 0 1-2-1.8z" style={{ fill: 'var(--on-accent)' }} />
      <path d="M10 12c0-4 2.6-6 6-6s6 2 6 6" fill="none" strokeWidth="2" strokeLinecap="round" style={{ stroke: 'var(--on-accent)' }} />
    </svg>
  );
}
