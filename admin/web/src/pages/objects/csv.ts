// SPDX-License-Identifier: Apache-2.0
/** Rows of a CSV (RFC 4180) or TSV text, at most so many; what is broken is read as well as it can be. */
export function parseCsv(text: string, separator: string, rowsMax: number, columnsMax = 100): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = '';
  let quoted = false;
  const endField = () => {
    if (row.length < columnsMax) row.push(field);
    field = '';
  };
  for (let i = 0; i < text.length && rows.length < rowsMax; i++) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[i + 1] === '"') field += text[i++];
      else quoted = false;
    } else if (c === '"' && field === '') quoted = true;
    else if (c === separator) endField();
    else if (c === '\n') {
      endField();
      rows.push(row);
      row = [];
    } else if (c !== '\r' || text[i + 1] !== '\n') field += c;
  }
  if (rows.length < rowsMax && (field !== '' || row.length > 0)) {
    endField();
    rows.push(row);
  }
  return rows;
}

/** Commas, semicolons or tabs: what the first line has most of. */
export function separatorOf(text: string): string {
  const line = text.slice(0, 4096).split('\n')[0] ?? '';
  const count = (s: string) => line.split(s).length;
  return [',', ';', '\t'].reduce((best, s) => (count(s) > count(best) ? s : best), ',');
}
