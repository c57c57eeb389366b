/**
 * Keeps what was made of the latest few keys, compared by identity: for what many runs of a campaign make anew of the same
 * input. A text is compared whole when it is not the same object. `most` is small: all keys are compared.
 */
export function keepLatest<Key, Value>(most: number, make: (key: Key) => Value): (key: Key) => Value {
  let kept: { readonly key: Key; readonly value: Value }[] = [];
  return (key) => {
    const known = kept.find((one) => one.key === key) ?? { key, value: make(key) };
    kept = [known, ...kept.filter((one) => one !== known)].slice(0, most);
    return known.value;
  };
}
