// The entry of the desk: who is signed in is asked for, and the page of the address is shown.

import './desk.css';

import { createRoot } from 'react-dom/client';

import { findLanguage } from './parts/say.tsx';
import { Desk } from './shell/desk-root.tsx';
import { applyLook } from './shell/look.tsx';

applyLook();
await findLanguage();
createRoot(document.querySelector('#desk')!).render(<Desk />);
