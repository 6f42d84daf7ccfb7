(() => {
  'use strict';
  const main = document.querySelector('main');
  const form = document.querySelector('form');
  const button = document.querySelector('button');
  const status = document.getElementById('status');
  const password = document.getElementById('password'); // only where one is chosen
  const fault = document.getElementById('fault');
  const show = document.getElementById('show');
  const words = JSON.parse(main.dataset.words);
  let token = '';

  function say(text) {
    status.textContent = text;
  }

  function blame(text) {
    fault.textContent = text;
    password.setAttribute('aria-invalid', String(text !== ''));
  }

  // The token leaves the address bar at once: it must not stay in the history.
  function take() {
    token = new URLSearchParams(location.hash.slice(1)).get('token') || '';
    history.replaceState(null, '', location.pathname);
    form.hidden = token === '';
    say(token === '' ? words.no_token : '');
  }

  function end(text) {
    token = '';
    form.hidden = true;
    say(text);
    status.focus();
  }

  function refused(problem) {
    const at = (problem.errors || []).find((e) => e.field === 'new_password');
    if (password && at) {
      say('');
      blame(words[at.code] || at.message);
      password.focus();
    } else if (problem.code === 'email_taken') {
      end(words.email_taken);
    } else if (problem.status === 422) {
      end(words.invalid);
    } else {
      say(problem.status === 429 || problem.status === 503 ? words.later : words.failed);
    }
  }

  // Nothing but the person's own press of the button sends the token.
  async function send(event) {
    event.preventDefault();
    if (button.disabled || token === '') {
      return;
    }
    button.disabled = true;
    const body = { token };
    if (password) {
      blame('');
      body.new_password = password.value;
    }
    say(words.working);
    try {
      const answer = await fetch(main.dataset.call, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
        cache: 'no-store',
        credentials: 'omit',
        redirect: 'error',
        referrerPolicy: 'no-referrer',
      });
      if (answer.ok) {
        if (password) {
          password.value = '';
        }
        end(words.done);
      } else {
        refused(await answer.json());
      }
    } catch {
      say(words.failed);
    }
    button.disabled = false;
  }

  form.addEventListener('submit', send);
  if (show) {
    show.addEventListener('change', () => {
      password.type = show.checked ? 'text' : 'password';
    });
  }
  // Another link that is opened in the same tab changes nothing but the fragment.
  addEventListener('hashchange', () => {
    if (location.hash !== '') {
      take();
    }
  });
  take();
})();
