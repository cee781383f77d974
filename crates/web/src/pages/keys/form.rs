//! The form that makes a key: what was filled in, what it means, and how it is shown again.

use domain::{
    api_key::{ChoiceError, Lasting, LastingError, MOST_KEYS, ProxyRight, Rights, RightsError},
    text::CloudId,
};
use service::api_keys::{KeyMistakes, KeyNameMistake, KeyWish};

use crate::{
    pages::sentence,
    view::{Field, keys::KeyFields},
};

/// What was filled in. What is missing is as the form has it at first.
#[derive(Clone, Debug)]
pub(crate) struct KeyForm {
    name: String,
    rights: String,
    may: Vec<String>,
    methods: Vec<String>,
    paths: String,
    lasting: String,
    until: String,
    pin: String,
}

impl Default for KeyForm {
    fn default() -> Self {
        Self {
            name: String::new(),
            rights: "everything".to_owned(),
            may: Vec::new(),
            methods: Vec::new(),
            paths: String::new(),
            lasting: "never".to_owned(),
            until: String::new(),
            pin: String::new(),
        }
    }
}

/// What is wrong with it, by field.
#[derive(Clone, Debug, Default)]
pub(crate) struct FormErrors {
    name: Option<String>,
    rights: Option<String>,
    paths: Option<String>,
    until: Option<String>,
}

impl KeyForm {
    /// Reads the pairs of a form; a field that we do not know is left alone.
    pub(crate) fn of(pairs: Vec<(String, String)>) -> Self {
        let mut form = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "name" => form.name = value,
                "rights" => form.rights = value,
                "may" => form.may.push(value),
                "method" => form.methods.push(value),
                "paths" => form.paths = value,
                "lasting" => form.lasting = value,
                "until" => form.until = value,
                "pin" => form.pin = value,
                _ => {}
            }
        }
        form
    }

    /// The key that is meant.
    ///
    /// # Errors
    ///
    /// [`FormErrors`] for all but the name and the end, which are checked where the key is made.
    pub(crate) fn wish(&self) -> Result<KeyWish, FormErrors> {
        let mut errors = FormErrors::default();
        let rights = self.rights(&mut errors);
        let lasting = match self.lasting.as_str() {
            "never" => Ok(Lasting::Forever),
            "until" => Lasting::through(&self.until),
            days => days
                .parse()
                .map(Lasting::Days)
                .map_err(|_| LastingError::Form),
        };
        errors.until = lasting.err().map(last_day);
        // Nobody writes this one: it is in the form or it is not.
        let pin = match self.pin.as_str() {
            "" => Ok(None),
            text => CloudId::parse(text).map(Some),
        };
        match (rights, lasting, pin) {
            (Some(rights), Ok(lasting), Ok(pin)) => Ok(KeyWish {
                name: self.name.clone(),
                rights,
                lasting,
                pin,
            }),
            (_, _, Err(mistake)) => {
                errors.rights = Some(sentence("The site’s id", mistake));
                Err(errors)
            }
            _ => Err(errors),
        }
    }

    fn rights(&self, errors: &mut FormErrors) -> Option<Rights> {
        if self.rights != "chosen" {
            let preset = Rights::preset(&self.rights);
            if preset.is_none() {
                errors.rights = Some("Choose what the key may do.".to_owned());
            }
            return preset;
        }
        let paths = self.paths.lines().filter(|it| !it.trim().is_empty());
        let rights = Rights::chosen(
            self.may.iter().map(String::as_str),
            self.methods.iter().map(String::as_str),
            paths,
        );
        match rights {
            Ok(rights) => Some(rights),
            Err(ChoiceError::Path { number, mistake }) => {
                errors.paths = Some(sentence(&format!("Path {number}"), mistake));
                None
            }
            Err(ChoiceError::Rights(RightsError::TooManyPaths)) => {
                let most = ProxyRight::MOST_PATHS;
                errors.paths = Some(format!("There are more than {most} paths."));
                None
            }
            Err(ChoiceError::Rights(RightsError::Nothing)) => {
                errors.rights = Some("Choose at least one call.".to_owned());
                None
            }
            Err(ChoiceError::Right | ChoiceError::Rights(RightsError::Method)) => {
                errors.rights = Some("Choose among the calls and methods below.".to_owned());
                None
            }
        }
    }

    /// The form as it is shown again.
    pub(crate) fn fields(self, errors: FormErrors) -> KeyFields {
        KeyFields {
            name: Field {
                value: self.name,
                error: errors.name,
            },
            rights: self.rights,
            rights_error: errors.rights,
            may: self.may,
            methods: self.methods,
            paths: Field {
                value: self.paths,
                error: errors.paths,
            },
            lasting: self.lasting,
            until: Field {
                value: self.until,
                error: errors.until,
            },
            site: None,
        }
    }

    /// Whether the key shall be for this site only.
    pub(crate) fn is_pinned_to(&self, site: &CloudId) -> bool {
        self.pin == site.as_str()
    }
}

impl FormErrors {
    /// The team has as many keys as it may.
    pub(crate) fn too_many() -> Self {
        let name = format!("{MOST_KEYS} keys are in force. Revoke those that no service uses.");
        Self {
            name: Some(name),
            ..Self::default()
        }
    }

    /// What was found wrong where the key was to be made.
    pub(crate) fn of(mistakes: KeyMistakes) -> Self {
        let name = mistakes.name.map(|it| match it {
            KeyNameMistake::Text(mistake) => sentence("The name", mistake),
            KeyNameMistake::Taken => {
                "A key has this name. Choose another, or rotate or revoke that key.".to_owned()
            }
        });
        Self {
            name,
            until: mistakes.end.map(last_day),
            ..Self::default()
        }
    }
}

fn last_day(mistake: LastingError) -> String {
    format!("The last day {mistake}.")
}
