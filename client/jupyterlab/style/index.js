import '@model-loupe/core/style/casts.css';
import './index.css';
