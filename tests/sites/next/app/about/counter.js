'use client';
import { useState } from 'react';

/** Counts only where the page's script runs. */
export function Counter() {
  const [count, setCount] = useState(0);
  return <button id="count" onClick={() => setCount(count + 1)}>Counted {count} times</button>;
}
