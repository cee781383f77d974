import { AppPage } from './page.mjs';

/** `/signup` */
export class SignupPage extends AppPage {
  async visit() {
    await this.open('/signup');
    await this.isThere('Create your account');
    return this;
  }

  async signUp({ name, email, password }) {
    await this.tab.getByLabel('Your name').fill(name);
    await this.tab.getByLabel('Email address').fill(email);
    await this.tab.getByLabel('Password').fill(password);
    await this.button('Create account').click();
  }
}
