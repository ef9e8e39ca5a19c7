// What is drawn only once the reader comes near it: its script is not loaded before.

import { type ReactNode, useEffect, useRef } from "react";
import { useKept } from "../nav";

/** Distance at which it begins, so that it is mostly there when it is reached. */
const NEAR = "300px";

export function OnView({ name, children }: { name: string; children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  // Going back finds it drawn, or the page would be too short for its place.
  const [near, setNear] = useKept(`near ${name}`, false);
  useEffect(() => {
    if (near) return;
    const seen = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) setNear(true);
      },
      { rootMargin: NEAR },
    );
    seen.observe(box.current!);
    return () => seen.disconnect();
  }, [near, setNear]);
  return (
    <div ref={box} className={`on-view ${name}`}>
      {near && children}
    </div>
  );
}
