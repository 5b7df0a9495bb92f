// The poster: drawn on a canvas and shown as a picture, because a long press on a picture is how a
// phone saves one, in WeChat too.

const WIDTH = 750;
const PICTURE_HEIGHT = 750;
const MARGIN = 40;
const TEXT_SIZE = 40;
const LINE_HEIGHT = 54;
const LINES_MAX = 3;
const SMALL_SIZE = 30;
const QR_SIDE = 300;
/** Beyond this a phone hesitates to send it on. */
const BYTES_MAX = 1_500_000;
const QUALITIES = [0.9, 0.75, 0.6, 0.4];
const FONT = 'system-ui, -apple-system, "PingFang SC", "Noto Sans CJK SC", sans-serif';

interface Poster {
  /** Address of the QR code, which has its quiet zone around it. */
  qr: string;
  heading: string;
  price: string;
  /** Address of the picture of the product; empty where there is none. */
  picture: string;
  /** What asks to scan the code. */
  invitation: string;
}

function load(address: string): Promise<HTMLImageElement> {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.addEventListener('load', () => resolve(image));
    image.addEventListener('error', () => reject(new Error(`${address} is no picture`)));
    image.src = address;
  });
}

/** The poster as the address of a JPEG picture. Rejects where the QR code cannot be loaded. */
export async function drawPoster(poster: Poster): Promise<string> {
  const price = poster.price;
  const code = await load(poster.qr);
  // Without a picture the poster is text and code: a shop's server that is away must not keep it.
  const image = poster.picture === '' ? null : await load(poster.picture).catch(() => null);
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('there is no canvas');
  context.font = `bold ${TEXT_SIZE}px ${FONT}`;
  const lines = wrapped(poster.heading, (text) => context.measureText(text).width <= WIDTH - 2 * MARGIN);
  const top = image === null ? MARGIN : PICTURE_HEIGHT + MARGIN;
  const textHeight = lines.length * LINE_HEIGHT + (price === '' ? 0 : LINE_HEIGHT);
  canvas.width = WIDTH;
  canvas.height = top + textHeight + MARGIN + QR_SIDE + MARGIN;
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (image !== null) drawCovering(context, image);
  context.fillStyle = '#111111';
  context.textBaseline = 'top';
  context.font = `bold ${TEXT_SIZE}px ${FONT}`;
  lines.forEach((line, index) => context.fillText(line, MARGIN, top + index * LINE_HEIGHT));
  context.font = `${TEXT_SIZE}px ${FONT}`;
  if (price !== '') context.fillText(price, MARGIN, top + lines.length * LINE_HEIGHT);
  const bottom = top + textHeight + MARGIN;
  // On white and with nothing near it: the quiet zone is in the picture of the code.
  context.imageSmoothingEnabled = false;
  context.drawImage(code, MARGIN, bottom, QR_SIDE, QR_SIDE);
  context.font = `${SMALL_SIZE}px ${FONT}`;
  context.fillText(poster.invitation, 2 * MARGIN + QR_SIDE, bottom + QR_SIDE / 2 - SMALL_SIZE / 2);
  return smallEnough(canvas);
}

/** Lines that fit; past the last one allowed the text ends with an ellipsis. */
function wrapped(text: string, fits: (line: string) => boolean): string[] {
  const lines: string[] = [''];
  for (const letter of text) {
    const last = lines.length - 1;
    const line = `${lines[last] ?? ''}${letter}`;
    if (fits(line)) lines[last] = line;
    else if (lines.length < LINES_MAX) lines.push(letter.trim());
    else {
      lines[last] = `${(lines[last] ?? '').slice(0, -1)}…`;
      break;
    }
  }
  return lines;
}

/** As much of the middle of a picture as fills its place. */
function drawCovering(context: CanvasRenderingContext2D, image: HTMLImageElement): void {
  const scale = Math.max(WIDTH / image.naturalWidth, PICTURE_HEIGHT / image.naturalHeight);
  const width = WIDTH / scale;
  const height = PICTURE_HEIGHT / scale;
  const x = (image.naturalWidth - width) / 2;
  const y = (image.naturalHeight - height) / 2;
  context.drawImage(image, x, y, width, height, 0, 0, WIDTH, PICTURE_HEIGHT);
}

function smallEnough(canvas: HTMLCanvasElement): string {
  for (const quality of QUALITIES) {
    const address = canvas.toDataURL('image/jpeg', quality);
    if (address.length <= BYTES_MAX) return address;
  }
  throw new Error('the poster is too large');
}
