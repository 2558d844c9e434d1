// What lies below the first look is drawn a frame after it, so that the first look is there sooner.
import { useEffect, useState } from 'preact/hooks';

/** False until what was drawn with it has been painted. */
export function useLater(): boolean {
  const [later, set] = useState(false);
  useEffect(() => {
    let timer = 0;
    const frame = requestAnimationFrame(() => {
      timer = window.setTimeout(() => set(true));
    });
    return () => {
      cancelAnimationFrame(frame);
      window.clearTimeout(timer);
    };
  }, []);
  return later;
}
