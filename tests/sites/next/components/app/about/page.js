/** The same for all, and asked for nothing. */
export default function About() {
  return <h1>About</h1>;
}
