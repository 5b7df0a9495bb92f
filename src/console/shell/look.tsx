// Light or dark, as the reader's system is or as it was chosen here, and the language.

import { useState } from 'react';
import { Button } from 'tdesign-react';

import { chooseLanguage, say, useLanguage } from '../parts/say.tsx';

const LOOK_PLACE = 'fenyong.look';
const DARK = matchMedia('(prefers-color-scheme: dark)');

/** Shows the desk in the look that was chosen, else in that of the system. */
export function applyLook(): void {
  const chosen = localStorage.getItem(LOOK_PLACE);
  const isDark = chosen === null ? DARK.matches : chosen === 'dark';
  document.documentElement.setAttribute('theme-mode', isDark ? 'dark' : 'light');
}

DARK.addEventListener('change', applyLook);

export function LookButtons() {
  const language = useLanguage();
  const [, setTurn] = useState(0);
  const isDark = document.documentElement.getAttribute('theme-mode') === 'dark';
  return (
    <>
      <Button variant="text" onClick={() => void chooseLanguage(language === 'zh' ? 'en' : 'zh')}>
        <span lang={language === 'zh' ? 'en' : 'zh-CN'}>{language === 'zh' ? 'English' : '中文'}</span>
      </Button>
      <Button
        variant="text"
        onClick={() => {
          localStorage.setItem(LOOK_PLACE, isDark ? 'light' : 'dark');
          applyLook();
          setTurn((turn) => turn + 1);
        }}
      >
        {say(isDark ? 'light' : 'dark')}
      </Button>
    </>
  );
}
