// cargo add reqwest --features json
// cargo add tokio --features macros,rt-multi-thread
// cargo add serde_json
use std::{env, error::Error};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let jira = env::var("TFORMANCE_URL")? + "/api/v1/integrations/jira/proxy";
    let answer: serde_json::Value = reqwest::Client::new()
        .get(jira + "/rest/api/3/project/search")
        .bearer_auth(env::var("TFORMANCE_KEY")?)
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    for project in answer["values"].as_array().into_iter().flatten() {
        let text = |name: &str| project[name].as_str().unwrap_or_default();
        println!("{} {}", text("key"), text("name"));
    }
    Ok(())
}
