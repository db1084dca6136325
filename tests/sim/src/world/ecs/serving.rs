//! How a call from outside is served. A method of the world that is called directly is a look at it, or a hand in it:
//! always granted, and always the truth.

use crate::world::{ApiError, Operation, World};

impl World {
    /// Serves a call from outside: ECS may refuse it for its request rate, and a copy that lags may answer it.
    pub fn serve<T>(
        &mut self,
        operation: Operation,
        run: impl FnOnce(&mut Self) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.take_token(operation)?;
        self.choose_view(operation);
        let answer = run(self);
        self.return_to_truth();
        answer
    }
}
