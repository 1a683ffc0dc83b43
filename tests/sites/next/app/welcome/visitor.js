'use client';
import { useEffect, useState } from 'react';

/** The cookie that proxy.js gave this visitor. */
export function Visitor() {
  const [visitor, setVisitor] = useState();
  useEffect(() => setVisitor(/visitor=(\w+)/.exec(document.cookie)?.[1] ?? 'nobody'), []);
  return <p>You are <b id="visitor">{visitor}</b>.</p>;
}
