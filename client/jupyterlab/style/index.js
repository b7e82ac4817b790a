import '@model-loupe/core/style/page.css';
import '@model-loupe/core/style/casts.css';
import './index.css';
