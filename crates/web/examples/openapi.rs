//! Prints the OpenAPI document of the API: what `make api` keeps as `crates/web/openapi.json`.

fn main() {
    println!("{:#}", web::document());
}
