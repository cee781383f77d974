//! `/password/forgotten`: how to get back in. Asks for no address, so that it tells nobody which ones
//! have accounts.

use axum::response::Response;

use crate::{
    pages::html, problem::Problem, shell, view::password_forgotten::PasswordForgottenPage,
};

/// The page.
pub(crate) async fn show() -> Result<Response, Problem> {
    html(&PasswordForgottenPage {
        shell: shell::bare(),
    })
}
