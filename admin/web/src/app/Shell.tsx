// SPDX-License-Identifier: Apache-2.0
import { CircleUser, LogOut, Menu as MenuIcon, Monitor, Moon, Search, Sun, User } from 'lucide-react';
import { Suspense, useEffect, useRef, useState, type ReactNode } from 'react';
import { Button as AriaButton, Dialog, Modal, ModalOverlay } from 'react-aria-components';
import { Link, useLocation } from 'wouter';
import { t, type Key } from '../strings';
import { Button, ErrorState, IconButton, Loading, Menu, type MenuEntry } from '../ui';
import { consoleInfo } from './console';
import { ErrorBoundary } from './ErrorBoundary';
import { Expired } from './Expired';
import { lazily, whenNeeded } from './lazily';
import { Logo } from './Logo';
import { useCan } from './permissions';
import { useReachable } from './reachable';
import { placeOf, routes, type Group, type Route } from './routes';
import { leave, useSession } from './session';
import css from './Shell.module.css';
import { setTheme, useTheme, type Theme } from './theme';

const groups: [Group, Key | null][] = [
  ['top', null],
  ['storage', 'app.groupStorage'],
  ['identity', 'app.groupIdentity'],
  ['monitoring', 'app.groupMonitoring'],
  ['system', 'app.groupSystem'],
];

/** The routes that this user may see in the navigation. */
export function useVisibleRoutes(): Route[] {
  const guarded = routes.filter((r) => r.requires);
  const checks = guarded.flatMap((r) => r.requires ?? []);
  const { allowed } = useCan(checks);
  const mayBy = new Map<string, boolean>();
  checks.forEach((c, i) => mayBy.set(c.action, (mayBy.get(c.action) ?? false) || (allowed[i] ?? false)));
  return routes.filter((r) => !r.requires || r.requires.some((c) => mayBy.get(c.action)));
}

function isAt(location: string, route: Route): boolean {
  const place = placeOf(route);
  if (place === '/') return location === '/';
  return location === place || location.startsWith(`${place}/`);
}

function Sidebar({ visible, onGo }: { visible: Route[]; onGo?: () => void }) {
  const [location] = useLocation();
  const link = (r: Route) => {
    const Icon = r.icon;
    return (
      <li key={r.path}>
        <Link href={placeOf(r)} className={css.link} aria-current={isAt(location, r) ? 'page' : undefined} onClick={() => onGo?.()}>
          <Icon size={16} aria-hidden />
          {t(r.title as 'app.overview')}
        </Link>
      </li>
    );
  };
  return (
    <nav className={css.sidebar} aria-label={t('app.navigation')}>
      <Link href="/" className={css.brand} onClick={() => onGo?.()}>
        <Logo size={26} />
        Pail
        <span className={css.version}>{consoleInfo().version}</span>
      </Link>
      <div>
        {groups.map(([group, title]) => {
          const inside = visible.filter((r) => r.group === group);
          return inside.length === 0 ? null : (
            <div key={group} className={css.group}>
              {title && <h2>{t(title as 'app.groupStorage')}</h2>}
              <ul>{inside.map(link)}</ul>
            </div>
          );
        })}
      </div>
      <div className={css.spacer} />
      <ul>{visible.filter((r) => r.group === 'bottom').map(link)}</ul>
    </nav>
  );
}

function ThemeMenu() {
  const theme = useTheme();
  const entry = (id: Theme, label: string, icon: typeof Sun): MenuEntry => ({ id, label, icon, isSelected: theme === id, onAction: () => setTheme(id) });
  return (
    <Menu
      label={t('app.theme')}
      trigger={<IconButton label={t('app.theme')} icon={theme === 'dark' ? Moon : theme === 'light' ? Sun : Monitor} />}
      items={[entry('system', t('app.themeSystem'), Monitor), entry('light', t('app.themeLight'), Sun), entry('dark', t('app.themeDark'), Moon)]}
    />
  );
}

const kinds = { root: 'app.role_root', user: 'app.role_user', role: 'app.role_role', 'service-account': 'app.role_service' } as const;

function AccountMenu() {
  const { who, credentials } = useSession();
  const [, go] = useLocation();
  const name = who?.name || credentials?.accessKeyId || '';
  return (
    <Menu
      label={t('app.account')}
      trigger={
        <Button variant="ghost" icon={CircleUser} className={css.user} aria-label={t('app.signedInAs', { name })}>
          <span className="ellipsis">{name}</span>
        </Button>
      }
      header={
        <div className={css.who}>
          <strong className="ellipsis">{name}</strong>
          <span>{who ? `${t(kinds[who.kind] ?? 'app.role_user')} · ${t('app.accountId', { id: who.account })}` : ''}</span>
        </div>
      }
      items={[{ id: 'profile', label: t('app.profile'), icon: User, onAction: () => go('/profile') }, 'separator', { id: 'out', label: t('app.signOut'), icon: LogOut, onAction: () => leave(go) }]}
    />
  );
}

const loadPalette = whenNeeded(() => import('./CommandPalette'));
const CommandPalette = lazily(loadPalette);

/** In place of a page whose code is on its way. */
function Coming() {
  return useReachable() ? <Loading rows={6} /> : <ErrorState error={{ code: 'NetworkError' }} />;
}

const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

export function Shell({ children }: { children: ReactNode }) {
  const [location] = useLocation();
  const [drawer, setDrawer] = useState(false);
  const [palette, setPalette] = useState(false);
  const content = useRef<HTMLElement>(null);
  const before = useRef(location);
  const reachable = useReachable();
  const visible = useVisibleRoutes();

  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.key.toLowerCase() === 'k' && (e.ctrlKey || e.metaKey) && !e.shiftKey && !e.altKey) {
        e.preventDefault();
        setPalette((open) => !open);
      }
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);

  // Keys that are typed right after Ctrl+K must not be lost, so the palette is there before it is asked for.
  useEffect(() => {
    const soon = setTimeout(() => void loadPalette().catch(() => undefined), 2000);
    return () => clearTimeout(soon);
  }, []);

  // A new page begins at its top, and those who do not see it hear where they are.
  useEffect(() => {
    if (before.current === location) return;
    before.current = location;
    window.scrollTo(0, 0);
    content.current?.focus({ preventScroll: true });
  }, [location]);

  return (
    <div className={css.shell}>
      <a
        href="#content"
        className={css.skip}
        onClick={(e) => {
          e.preventDefault();
          content.current?.focus();
        }}
      >
        {t('app.skip')}
      </a>
      <Sidebar visible={visible} />
      <div className={css.main}>
        <header className={css.topbar}>
          <span className={css.onlyNarrow}>
            <IconButton label={t('app.menu')} icon={MenuIcon} onPress={() => setDrawer(true)} />
          </span>
          <AriaButton className={css.search} onPress={() => setPalette(true)}>
            <Search size={15} aria-hidden />
            <span className="ellipsis">{t('app.paletteHint')}</span>
            <kbd>{isMac ? '⌘K' : 'Ctrl K'}</kbd>
          </AriaButton>
          <div className={css.end}>
            <ThemeMenu />
            <AccountMenu />
          </div>
        </header>
        {!reachable && (
          <div className={css.banner} role="status">
            {t('app.unreachable')}
          </div>
        )}
        <main id="content" ref={content} tabIndex={-1} className={css.content}>
          <ErrorBoundary key={location}>
            <Suspense fallback={<Coming />}>{children}</Suspense>
          </ErrorBoundary>
        </main>
      </div>
      <ModalOverlay className={css.drawerOverlay} isOpen={drawer} onOpenChange={setDrawer} isDismissable>
        <Modal className={css.drawer}>
          <Dialog aria-label={t('app.menu')}>
            <Sidebar visible={visible} onGo={() => setDrawer(false)} />
          </Dialog>
        </Modal>
      </ModalOverlay>
      {palette && (
        <Suspense fallback={null}>
          <CommandPalette isOpen onClose={() => setPalette(false)} visible={visible} />
        </Suspense>
      )}
      <Expired />
    </div>
  );
}
