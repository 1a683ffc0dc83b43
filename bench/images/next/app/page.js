export default function Page() {
  return <p>Pictures are below /photos/.</p>;
}
