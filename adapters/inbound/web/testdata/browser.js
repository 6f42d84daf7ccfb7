// Runs the script of a link page over as much of a browser as it uses. Standard input
// is a scene: {script, call, words, password, hash, answers: [{status, body}], acts}.
// Standard output is what came of it.
'use strict';
const vm = require('node:vm');
const scene = { answers: [], acts: [], ...JSON.parse(require('node:fs').readFileSync(0, 'utf8')) };

function element(extra) {
  const listeners = {};
  const attributes = {};
  return {
    hidden: false, textContent: '', disabled: false, value: '', type: 'password', checked: false, focused: 0,
    attributes, listeners,
    setAttribute(name, value) { attributes[name] = value; },
    addEventListener(name, listener) { listeners[name] = listener; },
    focus() { this.focused += 1; },
    ...extra,
  };
}

const main = element({ dataset: { call: scene.call, words: scene.words } });
const form = element({ hidden: true });
const byId = { status: element() };
if (scene.password) {
  Object.assign(byId, { password: element(), fault: element(), show: element() });
}
const tags = { main, form, button: element() };
const location = { hash: scene.hash, pathname: '/links/page', search: '?utm=1' };
const addresses = [];
const requests = [];
const windowListeners = {};

const context = vm.createContext({
  document: { querySelector: (tag) => tags[tag] || null, getElementById: (id) => byId[id] || null },
  location,
  history: {
    replaceState(_state, _title, url) {
      addresses.push(url);
      location.hash = '';
    },
  },
  addEventListener(name, listener) { windowListeners[name] = listener; },
  URLSearchParams,
  async fetch(url, options) {
    requests.push({ url: new URL(url, 'https://auth.example/auth/links/page').href, ...options });
    const answer = scene.answers.shift();
    if (!answer) {
      throw new TypeError('no network');
    }
    return { ok: answer.status < 300, status: answer.status, json: async () => JSON.parse(answer.body) };
  },
});

async function play() {
  vm.runInContext(scene.script, context);
  const before = requests.length;
  for (const act of scene.acts) {
    const [verb, argument] = act.split(' ', 2);
    if (verb === 'submit') {
      await form.listeners.submit({ preventDefault() {} });
    } else if (verb === 'twice') {
      await Promise.all([1, 2].map(() => form.listeners.submit({ preventDefault() {} })));
    } else if (verb === 'type') {
      byId.password.value = argument;
    } else if (verb === 'show') {
      byId.show.checked = !byId.show.checked;
      byId.show.listeners.change();
    } else if (verb === 'open') {
      location.hash = argument;
      windowListeners.hashchange();
    }
  }
  process.stdout.write(JSON.stringify({
    before, requests, addresses,
    status: byId.status.textContent,
    statusFocused: byId.status.focused > 0,
    formHidden: form.hidden,
    disabled: tags.button.disabled,
    fault: byId.fault ? byId.fault.textContent : '',
    invalid: byId.password ? byId.password.attributes['aria-invalid'] || '' : '',
    inputType: byId.password ? byId.password.type : '',
    left: byId.password ? byId.password.value : '',
  }));
}

play();
