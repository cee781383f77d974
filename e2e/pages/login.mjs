import { AppPage } from './page.mjs';

/** `/login` */
export class LoginPage extends AppPage {
  async visit(path = '/login') {
    await this.open(path);
    await this.isThere('Sign in');
    return this;
  }

  async signIn({ email, password }) {
    await this.tab.getByLabel('Email address').fill(email);
    await this.tab.getByLabel('Password').fill(password);
    await this.button('Sign in').click();
  }
}
