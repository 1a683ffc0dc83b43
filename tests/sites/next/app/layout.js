import Link from 'next/link';
import './site.css';

export const metadata = {
  title: { default: 'Articles · The pantry', template: '%s · The pantry' },
  icons: '/favicon.svg',
};

const LINKS = [
  ['/', 'Articles'],
  ['/about', 'About'],
  ['/notes', 'Notes'],
  ['/clock', 'Clock'],
  ['/photos', 'Photos'],
  ['/contact', 'Contact'],
  ['/welcome', 'Welcome'],
  ['/visit', 'Visit'],
];

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>
        <header>
          <Link className="brand" href="/">The pantry</Link>
          <nav>{LINKS.map(([href, text]) => <Link key={href} href={href}>{text}</Link>)}</nav>
        </header>
        <main>{children}</main>
      </body>
    </html>
  );
}
