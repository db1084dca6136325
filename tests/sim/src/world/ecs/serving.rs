//! Serves a call from outside. A method of the world that is called directly reads or changes it
//! from inside: the world always grants it and answers with the truth.

use crate::world::{ApiError, Operation, World};

impl World {
    /// Serves a call from outside: ECS may refuse it for its request rate, and a copy that lags may
    /// answer it.
    pub fn serve<T>(
        &mut self,
        operation: Operation,
        run: impl FnOnce(&mut Self) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.take_token(operation)?;
        self.choose_view(operation);
        self.choose_view_of_groups(operation);
        let answer = run(self);
        self.return_to_truth();
        self.return_to_true_groups(operation);
        answer
    }
}
