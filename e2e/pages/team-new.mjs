import { AppPage } from './page.mjs';

/** `/teams/new` */
export class TeamNewPage extends AppPage {
  async visit() {
    await this.open('/teams/new');
    return this.arrive();
  }

  async arrive() {
    await this.isThere(/^(Name your team|New team)$/);
    return this;
  }

  async create(name) {
    await this.tab.getByLabel('Team name').fill(name);
    await this.button('Create team').click();
  }
}
