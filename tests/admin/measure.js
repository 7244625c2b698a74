// Figures of a page of the admin: widths, what is cut, contrast (WCAG 2.2, 1.4.3), places.
() => {
  const all = selector => [...document.querySelectorAll(selector)];
  const box = element => element.getBoundingClientRect();
  const seen = element => element.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && box(element).width > 1 && box(element).height > 1;

  const parse = text => {
    const numbers = text.match(/[\d.e-]+/g).map(Number);
    const scale = text.startsWith('color(') ? 255 : 1;
    return [...numbers.slice(0, 3).map(number => number * scale), numbers[3] ?? 1];
  };
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  // Any notation of CSS (oklch in unfold), as the browser paints it over what lies behind.
  const paint = colours => {
    canvas.globalCompositeOperation = 'source-over';
    canvas.fillStyle = 'white';
    canvas.fillRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const behind = element => {
    const colours = [];
    for (let at = element; at; at = at.parentElement) colours.unshift(getComputedStyle(at).backgroundColor);
    return colours;
  };
  const light = ([r, g, b]) => {
    const linear = value => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const contrast = element => {
    const style = getComputedStyle(element), surface = behind(element);
    const colour = element instanceof SVGElement ? style.fill : style.color;
    const a = light(paint([...surface, colour])), b = light(paint(surface));
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };

  const scroller = element => {
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      if (['auto', 'scroll'].includes(getComputedStyle(at).overflowX)) return at;
    }
    return null;
  };
  const text = element => [...element.childNodes].filter(node => node.nodeType === 3)
    .map(node => node.data.trim()).join('');
  const extent = element => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return range.getBoundingClientRect();
  };
  const isCut = element => {
    const style = getComputedStyle(element), words = extent(element);
    if (['hidden', 'clip'].includes(style.overflowX) && element.scrollWidth > element.clientWidth + 1) return true;
    if (scroller(element)) return false;
    if (words.left < -1 || words.right > innerWidth + 1) return true;
    // Words that run over the edge of a box which would have had to hold them.
    const holder = element.closest('p, li, dd, td, th, section, h1, h2');
    return holder !== null && words.right > box(holder).right + 1;
  };

  const texts = all('.mg *, #changelist *, .breadcrumbs *, .breadcrumb *')
    .filter(element => text(element) && !element.closest('title, desc, script, option, .visually-hidden') && seen(element));
  const content = document.querySelector('#content, .app-content > .container-fluid');
  const table = document.querySelector('#result_list') ?? document.querySelector('.mg-table, .mg-code');
  const frame = table && scroller(table);
  const widths = [table, frame].filter(Boolean).map(element => box(element).width);
  const inner = element => {
    const style = getComputedStyle(element);
    return element.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  };
  const crumbs = document.querySelector('.breadcrumbs, .breadcrumb');
  const look = crumbs && (({ backgroundColor, color, padding, fontSize }) =>
    [backgroundColor, color, padding, fontSize])(getComputedStyle(crumbs));
  const filters = document.querySelector('#changelist-filter');
  // Links have the theme's own colour.
  const ours = texts.filter(element => element.closest('.mg, #result_list .mg-badge') && !element.closest('a'));
  const codes = all('.mg-mono').filter(seen);
  return {
    dark: light(paint(behind(document.querySelector('#content, .app-content')))) < 0.2,
    share: table ? Math.min(...widths) / inner(content) : 1,
    cut: texts.filter(isCut).map(element => element.tagName + ': ' + text(element).slice(0, 60)),
    sideways: Math.max(0, document.scrollingElement.scrollWidth - innerWidth),
    unreadable: ours.map(element => [contrast(element), text(element).slice(0, 60)])
      .filter(([ratio]) => ratio < 4.5).slice(0, 5),
    monospaced: codes.every(element => /mono/i.test(getComputedStyle(element).fontFamily)),
    crumbs: look,
    filters: filters && seen(filters) && table
      ? (box(filters).bottom <= box(table).top + 1 ? 'above'
        : box(filters).top >= box(table).bottom - 1 ? 'below' : 'beside') : null,
  };
}
